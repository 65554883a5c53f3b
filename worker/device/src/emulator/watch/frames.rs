//! Which frames the feed gave to which session of a camera: what a session opened shortly before or after the books knew of it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use stakeout_contract::{
    Nanos, Sensor,
    observation::{Facing, Fact, Source},
    trial::frame_at,
};

use super::{
    super::camera::{Open, webcam::QUEUE},
    Told,
};

/// A session whose picture was not opened when the books were asked: a camera opens it after the books know.
struct Unframed {
    facing: Facing,
    session: u64,
    at: Nanos,
    /// Its end, if it has come.
    end: Option<Nanos>,
}

/// What was opened, and for whom.
#[derive(Default)]
pub(super) struct Frames {
    /// Openings that no session was found for yet, with the trial's time.
    pictures: VecDeque<(Nanos, Open)>,
    unframed: Vec<Unframed>,
    /// Sessions that a film runs for, and when it was opened.
    films: BTreeMap<u64, (Open, Nanos)>,
}

impl Frames {
    /// These were opened.
    pub(super) fn opened(&mut self, opens: impl Iterator<Item = (Nanos, Open)>) {
        self.pictures.extend(opens);
    }

    /// A session began, whose picture was opened about then.
    pub(super) fn begin(&mut self, told: &mut Vec<Told>, facing: Facing, session: u64, at: Nanos, near: Duration) {
        if !self.find(told, facing, session, at, near) {
            self.unframed.push(Unframed { facing, session, at, end: None });
        }
    }

    /// The picture of a camera that was opened about when it was; whether there is one.
    fn find(&mut self, told: &mut Vec<Told>, facing: Facing, session: u64, at: Nanos, near: Duration) -> bool {
        let near = |t: Nanos| t.since(at).max(at.since(t)) <= near;
        let mine = self.pictures.iter().position(|(t, o)| o.facing == facing && near(*t));
        let Some((t, open)) = mine.and_then(|i| self.pictures.remove(i)) else { return false };
        told.push((t.max(at), Source::Feed, first(&open, session)));
        if open.last > open.frame {
            self.films.insert(session, (open, t));
        }
        true
    }

    /// A session ended, at this time at the latest.
    pub(super) fn end(&mut self, told: &mut Vec<Told>, session: u64, latest: Nanos) {
        self.film(told, session, latest);
        if let Some(u) = self.unframed.iter_mut().find(|u| u.session == session) {
            u.end = Some(latest);
        }
    }

    fn film(&mut self, told: &mut Vec<Told>, session: u64, end: Nanos) {
        if let Some((open, t)) = self.films.remove(&session) {
            told.extend(rest(&open, session, end.since(t)).map(|rest| (end, Source::Feed, rest)));
        }
    }

    /// What became of sessions without a picture, and of openings that the books know nothing of: the feed gave a frame all the
    /// same, to somebody. A session that no opening names is nobody's by the record, and proves nothing of the app.
    pub(super) fn left_over(&mut self, told: &mut Vec<Told>, now: Nanos, near: Duration, sessions: &mut u64) {
        let late = near * 5;
        for u in std::mem::take(&mut self.unframed) {
            if self.find(told, u.facing, u.session, u.at, near) {
                if let Some(end) = u.end {
                    self.film(told, u.session, end);
                }
            } else if now.since(u.at) <= late {
                self.unframed.push(u);
            }
        }
        let old = |t: Nanos| now.since(t) > late;
        let (old, young): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.pictures).into_iter().partition(|(t, _)| old(*t));
        self.pictures = old;
        self.tell_all(told, now, sessions);
        self.pictures = young;
    }

    /// Each opening that is left as a session of its own.
    pub(super) fn tell_all(&mut self, told: &mut Vec<Told>, now: Nanos, sessions: &mut u64) {
        for (t, open) in std::mem::take(&mut self.pictures) {
            *sessions += 1;
            told.push((t, Source::Feed, first(&open, *sessions)));
            // How long a film ran for nobody is not known.
            told.extend(rest(&open, *sessions, now.since(t)).map(|rest| (now, Source::Feed, rest)));
        }
    }
}

/// What a camera that is given every frame was given from its opening until it was closed.
pub(super) fn streamed(session: u64, from: Nanos, latest: Nanos) -> Fact {
    let first = frame_at(from).saturating_sub(frame_at(Nanos::saturating(QUEUE.as_nanos() as u64)));
    let last = frame_at(latest).saturating_sub(1).max(first);
    Fact::Delivered { sensor: Sensor::Camera, facing: Some(Facing::Back), session, first, last, count: last - first + 1 }
}

fn first(open: &Open, session: u64) -> Fact {
    Fact::Delivered { sensor: Sensor::Camera, facing: Some(open.facing), session, first: open.frame, last: open.frame, count: 1 }
}

/// What a film can have shown after its first frame within this time; a picture has no more.
fn rest(open: &Open, session: u64, within: Duration) -> Option<Fact> {
    // The last frame of that time may belong to what comes after it.
    let last = open.until(within).saturating_sub(1);
    let first = open.frame + 1;
    let count = open.pictures(last);
    (last >= first).then_some(Fact::Delivered { sensor: Sensor::Camera, facing: Some(open.facing), session, first, last, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Nanos {
        Nanos::saturating(seconds * 1_000_000_000)
    }

    fn open(frame: u64, last: u64) -> Open {
        Open { host: 0, facing: Facing::Back, frame, last }
    }

    /// First, last, count of what was delivered to a session.
    fn given(told: &[Told], of: u64) -> Vec<(u64, u64, u64)> {
        let one = |t: &Told| match &t.2 {
            Fact::Delivered { session, first, last, count, .. } if *session == of => Some((*first, *last, *count)),
            _ => None,
        };
        told.iter().filter_map(one).collect()
    }

    #[test]
    fn a_picture_is_one_frame_however_long_its_session_is() {
        let (mut frames, mut told) = (Frames::default(), Vec::new());
        frames.opened([(at(10), open(300, 300))].into_iter());
        frames.begin(&mut told, Facing::Back, 1, at(10), NEAR);
        frames.end(&mut told, 1, at(500));
        assert_eq!(given(&told, 1), [(300, 300, 1)]);
    }

    #[test]
    fn a_film_gives_what_can_have_been_shown_until_its_session_ended_and_no_more_than_it_has() {
        for (end, rest) in [(10, None), (12, Some((251, 309, 5))), (400, Some((251, 839, 58)))] {
            let (mut frames, mut told) = (Frames::default(), Vec::new());
            // It was two seconds old.
            frames.opened([(at(10), open(250, 840))].into_iter());
            frames.begin(&mut told, Facing::Back, 1, at(10), NEAR);
            frames.end(&mut told, 1, at(end));
            assert_eq!(given(&told, 1), [(250, 250, 1)].into_iter().chain(rest).collect::<Vec<_>>(), "until {end} s");
        }
    }

    #[test]
    fn a_film_that_is_opened_after_the_books_knew_is_found_when_its_session_has_ended_too() {
        let (mut frames, mut told, mut sessions) = (Frames::default(), Vec::new(), 1);
        frames.begin(&mut told, Facing::Back, 1, at(10), NEAR);
        frames.end(&mut told, 1, at(12));
        assert!(told.is_empty());
        frames.opened([(at(11), open(320, 910))].into_iter());
        frames.left_over(&mut told, at(13), NEAR, &mut sessions);
        assert_eq!((given(&told, 1), sessions), (vec![(320, 320, 1), (321, 349, 2)], 1));
    }

    #[test]
    fn a_camera_that_is_given_every_frame_saw_those_between_its_opening_and_its_end() {
        let Fact::Delivered { first, last, count, .. } = streamed(3, at(10), at(12)) else { panic!() };
        assert_eq!((first, last, count), (288, 359, 72), "from what may have waited in buffers on");
        let Fact::Delivered { first, last, .. } = streamed(3, at(0), at(0)) else { panic!() };
        assert_eq!((first, last), (0, 0));
    }

    #[test]
    fn what_the_books_know_nothing_of_is_told_as_a_session_of_its_own_when_it_is_late() {
        let (mut frames, mut told, mut sessions) = (Frames::default(), Vec::new(), 4);
        frames.opened([(at(10), open(300, 300))].into_iter());
        frames.left_over(&mut told, at(15), NEAR, &mut sessions);
        assert!(told.is_empty(), "the books may know it yet");
        frames.left_over(&mut told, at(21), NEAR, &mut sessions);
        assert_eq!((given(&told, 5), sessions), (vec![(300, 300, 1)], 5));
    }
}
