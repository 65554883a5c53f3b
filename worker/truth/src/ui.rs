//! `uiautomator dump`: what is on the screen, to find what a scenario wants to tap.
//!
//! All of it is text of apps, the name of the package too. Only what the accessibility service calls visible is in the dump; the
//! dump fails while the screen moves (`ERROR: could not get idle state.`).

use quick_xml::{
    XmlVersion,
    events::{BytesStart, Event},
    reader::Reader,
};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::{
    lines::Text,
    notes::{Cut, Notes, Parsed},
};

/// Nodes that are kept.
pub const MAX_NODES: usize = 20_000;
/// Levels that are read.
pub const MAX_DEPTH: usize = 200;
/// Bytes of a text that are kept.
const MAX_TEXT: usize = 4096;

/// The screen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Screen {
    /// In the order of the document: what is drawn later is later.
    pub nodes: Vec<Node>,
    /// Quarter turns.
    pub rotation: Option<u32>,
}

/// A node.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Node {
    /// Place of the one around it in [`Screen::nodes`].
    pub parent: Option<usize>,
    /// What it shows.
    pub text: String,
    /// What is read out for it.
    pub content_desc: String,
    /// `package:id/name`
    pub resource_id: String,
    /// Class.
    pub class: String,
    /// Package, in the app's words.
    pub package: String,
    /// Pixels of the screen as it is turned.
    pub bounds: Bounds,
    /// It takes taps.
    pub clickable: bool,
    /// It is not greyed out.
    pub enabled: bool,
    /// It has the keyboard.
    pub focused: bool,
    /// It hides what is typed.
    pub password: bool,
}

/// A rectangle; right and bottom are outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// Left.
    pub x1: i32,
    /// Top.
    pub y1: i32,
    /// Right.
    pub x2: i32,
    /// Bottom.
    pub y2: i32,
}

impl Bounds {
    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.x2 <= self.x1 || self.y2 <= self.y1
    }

    /// Its middle.
    pub const fn center(&self) -> (i32, i32) {
        (i32::midpoint(self.x1, self.x2), i32::midpoint(self.y1, self.y2))
    }

    /// `[x1,y1][x2,y2]`
    fn read(text: &str) -> Option<Self> {
        let (a, b) = text.strip_prefix('[')?.strip_suffix(']')?.split_once("][")?;
        let point = |t: &str| t.split_once(',').and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
        let ((x1, y1), (x2, y2)) = (point(a)?, point(b)?);
        Some(Self { x1, y1, x2, y2 })
    }
}

impl Node {
    /// Its middle.
    pub const fn center(&self) -> (i32, i32) {
        self.bounds.center()
    }

    /// Its id without the package.
    pub fn id(&self) -> &str {
        self.resource_id.split_once(":id/").map_or(self.resource_id.as_str(), |(_, n)| n)
    }
}

impl Screen {
    /// Nodes whose text, or else whose description, matches.
    pub fn by_text<'a>(&'a self, re: &'a Regex) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(|n| re.is_match(&n.text) || (n.text.is_empty() && re.is_match(&n.content_desc)))
    }

    /// Nodes with an id, given without the package.
    pub fn by_id<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |n| n.id() == name)
    }

    /// Where to tap for one of these nodes (of this screen): the middle of the first that has an area and is clickable itself; without
    /// one, of the nearest clickable node around the first that has an area and one; without any, of the first that has an area.
    pub fn point<'a>(&'a self, of: impl IntoIterator<Item = &'a Node>) -> Option<(i32, i32)> {
        let seen: Vec<&Node> = of.into_iter().filter(|n| !n.bounds.is_empty()).collect();
        let ready = |n: &&Node| n.clickable && n.enabled && !n.bounds.is_empty();
        seen.iter()
            .copied()
            .find(|n| ready(n))
            .or_else(|| seen.iter().find_map(|n| self.around(n).find(ready)))
            .or_else(|| seen.first().copied())
            .map(Node::center)
    }

    /// The nodes around a node, the nearest first.
    fn around<'a>(&'a self, node: &Node) -> impl Iterator<Item = &'a Node> {
        // A parent stands before its children, so this ends.
        let up = |n: &Node| n.parent.and_then(|p| self.nodes.get(p));
        std::iter::successors(up(node), move |n| up(n)).take(MAX_DEPTH)
    }
}

/// Reads the answer of `uiautomator dump /dev/tty`, or the file that it wrote.
pub fn parse(bytes: &[u8]) -> Parsed<Screen> {
    let (text, mut notes) = Text::new(bytes);
    let mut screen = Screen::default();
    // The file ends without a line end; its last element shows whether it is whole. What follows is the tool's own message.
    notes.cut.retain(|c| *c != Cut::NoLineEnd);
    let all = text.as_str();
    let xml = match (all.find("<hierarchy"), all.rfind("</hierarchy>")) {
        (Some(from), Some(to)) if from < to => &all[from..to + "</hierarchy>".len()],
        (Some(from), _) => {
            notes.cut(Cut::Missing);
            &all[from..]
        }
        (None, _) => {
            notes.cut(Cut::Missing);
            return notes.with(screen);
        }
    };
    let mut reader = Reader::from_str(xml);
    // Places of the elements that are open; none for one that is no node.
    let mut open: Vec<Option<usize>> = Vec::new();
    loop {
        match reader.read_event() {
            Ok(event @ (Event::Start(_) | Event::Empty(_))) => {
                let empty = matches!(event, Event::Empty(_));
                let (Event::Start(e) | Event::Empty(e)) = event else { break };
                if open.len() >= MAX_DEPTH || screen.nodes.len() >= MAX_NODES {
                    notes.cut(Cut::TooMany);
                    break;
                }
                let mut place = None;
                if e.name().as_ref() == "node" {
                    let parent = open.iter().rev().find_map(|p| *p);
                    place = Some(screen.nodes.len());
                    screen.nodes.push(node(&e, parent, &mut notes));
                } else {
                    screen.rotation = attribute(&e, "rotation").and_then(|r| r.parse().ok()).or(screen.rotation);
                }
                if !empty {
                    open.push(place);
                }
            }
            Ok(Event::End(_)) => drop(open.pop()),
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(_) => {
                notes.cut(Cut::Malformed);
                break;
            }
        }
    }
    notes.with(screen)
}

fn attribute(e: &BytesStart<'_>, name: &str) -> Option<String> {
    let a = e.attributes().flatten().find(|a| a.key.as_ref() == name)?;
    Some(a.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

fn node(e: &BytesStart<'_>, parent: Option<usize>, notes: &mut Notes) -> Node {
    let mut node = Node { parent, ..Node::default() };
    for a in e.attributes() {
        let Some((key, value)) = a.ok().and_then(|a| Some((a.key, a.normalized_value(XmlVersion::Implicit1_0).ok()?))) else {
            notes.cut(Cut::Malformed);
            continue;
        };
        let yes = value == "true";
        let mut text = || {
            if value.len() > MAX_TEXT {
                notes.cut(Cut::LongLine);
            }
            value[..value.floor_char_boundary(MAX_TEXT)].to_owned()
        };
        match key.as_ref() {
            "text" => node.text = text(),
            "content-desc" => node.content_desc = text(),
            "resource-id" => node.resource_id = text(),
            "class" => node.class = text(),
            "package" => node.package = text(),
            "bounds" => match Bounds::read(&value) {
                Some(b) => node.bounds = b,
                None => notes.unknown(&value),
            },
            "clickable" => node.clickable = yes,
            "enabled" => node.enabled = yes,
            "focused" => node.focused = yes,
            "password" => node.password = yes,
            _ => {}
        }
    }
    node
}
