//! Lines with a limit, from a pipe that a hostile process writes to.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// The buffer holds a line, without its end.
    Whole,
    /// A line was longer than the limit; the buffer holds its begin, the rest was thrown away.
    TooLong,
    /// There is no more.
    End,
}

/// Reads a line of at most `max` bytes into `line`.
pub async fn next(from: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>, max: usize) -> io::Result<Line> {
    line.clear();
    let mut long = false;
    loop {
        let got = from.fill_buf().await?;
        if got.is_empty() {
            return Ok(if line.is_empty() { Line::End } else { finish(long) });
        }
        let end = got.iter().position(|b| *b == b'\n');
        let piece = &got[..end.unwrap_or(got.len())];
        let room = max - line.len();
        long |= piece.len() > room;
        line.extend_from_slice(&piece[..piece.len().min(room)]);
        let used = piece.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Ok(finish(long));
        }
    }
}

fn finish(long: bool) -> Line {
    if long { Line::TooLong } else { Line::Whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_beyond_the_limit_costs_no_more_than_the_limit_and_the_next_one_is_whole() {
        let mut from: &[u8] = b"abc\n0123456789\nxyz\nend";
        let mut line = Vec::new();
        let mut seen = Vec::new();
        loop {
            let l = next(&mut from, &mut line, 4).await.unwrap();
            if l == Line::End {
                break;
            }
            seen.push((l, String::from_utf8(line.clone()).unwrap()));
        }
        let s = |l, t: &str| (l, t.to_owned());
        assert_eq!(seen, [s(Line::Whole, "abc"), s(Line::TooLong, "0123"), s(Line::Whole, "xyz"), s(Line::Whole, "end")]);
    }
}
