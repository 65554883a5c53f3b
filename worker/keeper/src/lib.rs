//! Keeps what an app deletes or writes over, in a guest whose root we are.
//!
//! A phone forgets what an app deletes. This program is pushed into a guest before the app runs. It opens each file of the app's
//! folders, and each that comes, for reading, and holds it: what is open does not go when its name does. When a name goes, what
//! was in the file is copied aside and written down. When a file is closed by a writer, a copy is made, so that what the next
//! writer overwrites is kept too.
//!
//! It never guesses. What was too quick, too large or too much is written down as lost, and so is that it is behind, or that a
//! folder was used before it was watched. Files that were there before the app and that nobody changed are not the app's, and are
//! not kept. What stays unseen: what a program overwrites before it first closes a file (databases do), what is overwritten by a
//! shared mapping within milliseconds of being closed, files that never had a name, and what is written over within some
//! milliseconds in a folder that is as new.
//!
//! Folders and files are opened by the handle of their folder and never by a path, and links are never followed, so an app cannot
//! lead it elsewhere. It needs a Linux kernel with inotify, and nothing else.

mod entry;
mod folders;
mod held;
mod keeper;
mod shelf;

pub use entry::{Entry, KEPT, LIST, Loss, STOP, What};
pub use keeper::Keeper;
pub use shelf::Budget;
