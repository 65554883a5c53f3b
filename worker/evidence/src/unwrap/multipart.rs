//! Multipart bodies (RFC 2046): form-data, related, mixed.

use memchr::memmem;

use super::{Candidate, Coding, http};

/// The bodies of the parts. Without a boundary from a head, the first line tells it.
pub(super) fn find(b: &[u8], boundary: Option<&[u8]>) -> Vec<Candidate> {
    let told = boundary.filter(|t| memmem::find(b, &[b"--", *t].concat()).is_some());
    let Some(boundary) = told.or_else(|| sniff(b)) else { return Vec::new() };
    let line = [b"--", boundary].concat();
    let mut starts: Vec<usize> = memmem::find_iter(b, &line).filter(|&i| i == 0 || b[i - 1] == b'\n').collect();
    starts.push(b.len());
    let mut out = Vec::new();
    for pair in starts.windows(2) {
        let from = (pair[0] + line.len()).min(pair[1]);
        let Some(part) = b.get(from..pair[1]).filter(|p| !p.starts_with(b"--")) else { continue };
        let Some(head) = memmem::find(part, b"\r\n\r\n").map(|i| i + 4).or_else(|| memmem::find(part, b"\n\n").map(|i| i + 2)) else {
            continue;
        };
        let mut end = pair[1];
        if end < b.len() {
            end -= 1 + usize::from(b[..end - 1].ends_with(b"\r"));
        }
        if from + head < end {
            out.push(Candidate { hint: http::hint(&part[..head]), ..Candidate::new(from + head..end, Coding::Slice, "multipart") });
        }
    }
    out
}

/// The boundary of a body that begins with one, followed by a MIME head.
fn sniff(b: &[u8]) -> Option<&[u8]> {
    let rest = b.strip_prefix(b"--")?;
    let end = memchr::memchr(b'\n', &rest[..rest.len().min(210)])?;
    let line = rest[..end].trim_ascii_end();
    let head = &rest[end + 1..rest.len().min(end + 9)];
    (!line.is_empty() && line.iter().all(u8::is_ascii_graphic) && head.eq_ignore_ascii_case(b"content-")).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_with_and_without_a_head_and_without_an_end() {
        let body =
            b"--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--xyz\r\nContent-Encoding: gzip\r\n\r\ntwo\r\n--xyz--\r\n";
        for (body, boundary) in [(&body[..], Some(&b"xyz"[..])), (&body[..], None), (&body[..body.len() - 11], None)] {
            let texts: Vec<&[u8]> = find(body, boundary).iter().map(|c| &body[c.at.clone()]).collect();
            assert_eq!(texts, [b"one", b"two"]);
        }
        assert_eq!(find(body, None)[1].hint.encodings, ["gzip"]);
        assert!(find(b"--title--\nnothing of the kind", None).is_empty());
    }
}
