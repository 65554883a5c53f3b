//! The context of `docker build`, as a tar stream: files of ours, and archives of the vendor unpacked on the way, so that no
//! folder of this host ever holds what a stranger's archive names.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::Stream;

use crate::{
    SdkError,
    unpack::{Entry, Limits, Unpack},
};

/// An archive whose content goes into a context.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    /// The archive, checked.
    pub archive: PathBuf,
    /// Its name for people.
    pub name: String,
    /// The folder that all its entries lie in.
    pub top: String,
    /// Where that folder goes.
    pub under: String,
    /// What it may hold.
    pub limits: Limits,
}

/// A context.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Context {
    /// Files of ours: path, bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Folders that must be there though empty.
    pub folders: Vec<String>,
    /// Programs: path in the context, bytes. They are held and not named, so that what is built is what the key was made from.
    pub programs: Vec<(String, Bytes)>,
    /// Archives.
    pub trees: Vec<Tree>,
}

impl Context {
    /// Judges all archives, and gives the bytes that they unpack to.
    pub fn judge(&self) -> Result<u64, SdkError> {
        self.trees.iter().map(|t| Unpack::open(&t.archive, &t.name, &t.top, t.limits).map(|u| u.total)).sum()
    }

    /// Writes the context as a tar. Blocks. After an error it has no end mark: an engine must not take a part for the whole.
    pub fn write_tar(&self, out: impl Write) -> Result<(), SdkError> {
        let mut tar = tar::Builder::new(Gate { out, shut: false });
        if let Err(e) = self.fill(&mut tar) {
            // The builder writes its end mark even when it is dropped.
            tar.get_mut().shut = true;
            return Err(e);
        }
        tar.into_inner().and_then(|mut gate| gate.flush()).map_err(broke("the end"))
    }

    fn fill<W: Write>(&self, tar: &mut tar::Builder<Gate<W>>) -> Result<(), SdkError> {
        for (path, bytes) in &self.files {
            append(tar, path, bytes.len() as u64, false, &mut bytes.as_slice()).map_err(broke(path))?;
        }
        for path in &self.folders {
            folder(tar, path).map_err(broke(path))?;
        }
        for (path, bytes) in &self.programs {
            append(tar, path, bytes.len() as u64, true, &mut bytes.as_ref()).map_err(broke(path))?;
        }
        for tree in &self.trees {
            let unpack = Unpack::open(&tree.archive, &tree.name, &tree.top, tree.limits)?;
            unpack.each(|path, entry| {
                let path = format!("{}/{path}", tree.under);
                match entry {
                    Entry::Folder => folder(tar, &path),
                    Entry::File { size, executable, bytes } => append(tar, &path, size, executable, bytes),
                    Entry::Link { target } => {
                        let mut header = header(0, true);
                        header.set_entry_type(tar::EntryType::Symlink);
                        tar.append_link(&mut header, &path, &target)
                    }
                }
            })?;
        }
        Ok(())
    }

    /// The tar as a stream for a client library, written by a thread that waits for its reader and ends with it. An error of the
    /// context is the stream's last item.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        let errors = sender.clone();
        tokio::task::spawn_blocking(move || {
            let out = io::BufWriter::with_capacity(1 << 20, Sender(sender));
            if let Err(e) = self.write_tar(out) {
                // Nobody reads any more: then nobody wants the reason either.
                let _ = errors.blocking_send(Err(io::Error::other(e)));
            }
        });
        futures_util::stream::unfold(receiver, |mut r| async move { r.recv().await.map(|item| (item, r)) })
    }
}

/// Lets nothing through once it is shut.
struct Gate<W> {
    out: W,
    shut: bool,
}

impl<W: Write> Write for Gate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.shut { Err(io::ErrorKind::BrokenPipe.into()) } else { self.out.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Sender(tokio::sync::mpsc::Sender<io::Result<Bytes>>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn broke(path: &str) -> impl FnOnce(io::Error) -> SdkError + use<> {
    SdkError::io("write the build context at", Path::new(path))
}

/// Owner, rights and time are ours: the same archives make the same layers.
fn header(size: u64, executable: bool) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(if executable { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append(tar: &mut tar::Builder<impl Write>, path: &str, size: u64, executable: bool, bytes: &mut dyn Read) -> io::Result<()> {
    let mut counted = Counted { inner: bytes, read: 0 };
    tar.append_data(&mut header(size, executable), path, &mut counted)?;
    // A file that grew or shrank under our hands would make nonsense of what follows.
    if counted.read == size { Ok(()) } else { Err(io::Error::other("a file changed while it was read")) }
}

struct Counted<'a> {
    inner: &'a mut dyn Read,
    read: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(to)?;
        self.read += n as u64;
        Ok(n)
    }
}

fn folder(tar: &mut tar::Builder<impl Write>, path: &str) -> io::Result<()> {
    let mut header = header(0, true);
    header.set_entry_type(tar::EntryType::Directory);
    tar.append_data(&mut header, format!("{path}/"), io::empty())
}
