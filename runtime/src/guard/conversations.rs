//! Which lists of messages were read before, as far as they are the same byte for byte, and what their reading led to. No
//! text is kept: a list is known by a keyed digest of its bytes, so what is kept of one stands for no other.
//!
//! A request repeats the list of the one before it and adds to it. How much of it is known is found out in one go over its
//! bytes: at lengths that are fixed, each half as much again or a third as the one before, there are posts. A post, known
//! by the digest of all bytes before it, says at which lengths lists are known from there to the next, and whether any goes
//! on beyond that.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use pai_protocol::Dialect;
use pai_protocol::spoken::Stop;

use super::cache::{Cache, Digest, Kind, Running};
use super::subject::{Client, Subject};
use crate::token::RandomError;

/// Beginnings of lists that are remembered: three of each conversation, some hundred bytes each.
const LISTS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// Ten or so of each conversation.
const POSTS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// The first post. Less is read again in the time that it takes to know it.
const FIRST_POST: usize = 4 * 1024;
/// Lengths that a post knows, the last ones.
const LENGTHS: usize = 16;

/// What was said in the beginning of a list of messages.
#[derive(Debug)]
pub(super) struct Beginning {
    /// Where it ends.
    pub(super) stop: Stop,
    pub(super) said: Vec<Said>,
}

/// What is said of one subject.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) subject: Subject,
    /// How many texts.
    pub(super) texts: usize,
    /// Stands for them.
    pub(super) name: Digest,
    /// The message with the last of them, in bytes of the list, and which of its passages that is.
    pub(super) last: (Range<usize>, usize),
}

/// Whose list it is: what the reading of it depends on, besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(crate) dialect: Dialect,
    pub(crate) client: Client,
}

impl Reader {
    /// What is at the end of digests.
    fn end(self, kind: Kind) -> [u8; 3] {
        [kind as u8, self.client as u8, self.dialect as u8]
    }
}

/// What a post knows.
#[derive(Debug, Clone, Copy, Default)]
struct Post {
    /// From the post to the next, the oldest first.
    lengths: [usize; LENGTHS],
    goes_on: bool,
}

impl Post {
    fn add(&mut self, length: usize) {
        if !self.lengths.contains(&length) {
            self.lengths.rotate_left(1);
            self.lengths[LENGTHS - 1] = length;
        }
    }
}

/// A place up to which a list was hashed.
#[derive(Clone)]
struct Mark {
    at: usize,
    running: Running,
}

impl Mark {
    /// Goes on to that length.
    fn go_to(&mut self, length: usize, list: &[u8]) {
        if let Some(bytes) = list.get(self.at..length) {
            self.running.add(bytes);
            self.at = length;
        }
    }
}

/// The beginning of a list that is known.
pub(super) struct Known {
    pub(super) beginning: Arc<Beginning>,
    mark: Mark,
    /// The post before.
    post: Digest,
}

/// The lists that were read last, of all callers.
#[derive(Debug)]
pub struct Conversations {
    lists: Cache<Arc<Beginning>>,
    /// Posts have digests of the other's key.
    posts: Cache<Post>,
}

impl Conversations {
    /// None yet.
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self { lists: Cache::of(LISTS)?, posts: Cache::of(POSTS)? })
    }

    /// The longest beginning of this list that is known. What follows a list may follow it here, too.
    pub(super) fn find(&self, reader: Reader, list: &[u8]) -> Option<Known> {
        let mut mark = Mark { at: 0, running: self.lists.running() };
        let mut passed: Vec<(Mark, Digest, Post)> = Vec::new();
        for post in posts().take_while(|post| *post <= list.len()) {
            mark.go_to(post, list);
            let digest = mark.running.clone().ends(&reader.end(Kind::Post));
            let Some(found) = self.posts.recall().get(digest).copied() else { break };
            passed.push((mark.clone(), digest, found));
            if !found.goes_on {
                break;
            }
        }
        while let Some((mut mark, post, Post { mut lengths, .. })) = passed.pop() {
            lengths.sort_unstable();
            let mut marks = Vec::new();
            // A free place has none, which is less than any post.
            let begin = mark.at;
            for length in lengths.into_iter().filter(|length| (begin..=list.len()).contains(length)) {
                mark.go_to(length, list);
                marks.push(mark.clone());
            }
            while let Some(mark) = marks.pop() {
                let digest = mark.running.clone().ends(&reader.end(Kind::List));
                if let Some(beginning) = self.known(digest) {
                    return Some(Known { beginning, mark, post });
                }
            }
        }
        None
    }

    /// The beginning that has this name.
    pub(super) fn known(&self, digest: Digest) -> Option<Arc<Beginning>> {
        self.lists.recall().get(digest).cloned()
    }

    /// To name beginnings of a list, from what is known of it.
    pub(super) fn naming<'a>(&'a self, reader: Reader, list: &'a [u8], known: Option<&Known>) -> Naming<'a> {
        let (mark, post) = match known {
            Some(known) => (known.mark.clone(), Some(known.post)),
            None => (Mark { at: 0, running: self.lists.running() }, None),
        };
        Naming {
            conversations: self,
            reader,
            list,
            mark,
            posts: post.map(|post| (post, Post::default())).into_iter().collect(),
        }
    }
}

/// Goes through a list and names its beginnings.
pub(super) struct Naming<'a> {
    conversations: &'a Conversations,
    reader: Reader,
    list: &'a [u8],
    mark: Mark,
    /// Those that were passed, with what they are to know.
    posts: Vec<(Digest, Post)>,
}

impl Naming<'_> {
    /// The name of the beginning of so many bytes, no less than those before; `None` where it is not worth one.
    pub(super) fn name(&mut self, length: usize) -> Option<Digest> {
        if length < FIRST_POST || length > self.list.len() {
            return None;
        }
        let begin = self.mark.at;
        for post in posts().skip_while(|post| *post <= begin).take_while(|post| *post <= length) {
            self.mark.go_to(post, self.list);
            if let Some((_, before)) = self.posts.last_mut() {
                before.goes_on = true;
            }
            let digest = self.mark.running.clone().ends(&self.reader.end(Kind::Post));
            self.posts.push((digest, Post::default()));
        }
        self.mark.go_to(length, self.list);
        if let Some((_, post)) = self.posts.last_mut() {
            post.add(length);
        }
        Some(self.mark.running.clone().ends(&self.reader.end(Kind::List)))
    }

    /// The name of what is said of a subject in the beginning that has this name.
    pub(super) fn subject(&self, subject: &Subject, beginning: Digest) -> Digest {
        let mut running = self.conversations.lists.running();
        running.add(&beginning.bytes());
        let number = match subject {
            Subject::Prompts => 0,
            Subject::System => 1,
            Subject::Tool(name) => {
                running.add(name.as_bytes());
                2
            }
        };
        running.ends(&[Kind::Subject as u8, number, 0])
    }

    /// Remembers what these beginnings led to.
    pub(super) fn keep(self, beginnings: impl IntoIterator<Item = (Digest, Arc<Beginning>)>) {
        let mut posts = self.conversations.posts.recall();
        for (digest, found) in self.posts {
            if let Some(known) = posts.get_mut(digest) {
                known.goes_on |= found.goes_on;
                found.lengths.into_iter().filter(|length| *length > 0).for_each(|length| known.add(length));
            } else {
                posts.put(digest, found);
            }
        }
        drop(posts);
        let mut lists = self.conversations.lists.recall();
        beginnings.into_iter().for_each(|(digest, beginning)| lists.put(digest, beginning));
    }
}

/// The lengths at which there are posts: 4, 6, 8, 12, 16 KiB and so on.
fn posts() -> impl Iterator<Item = usize> {
    let doubled = std::iter::successors(Some(FIRST_POST), |post| post.checked_mul(2));
    doubled.flat_map(|post| [post, post.saturating_add(post / 2)])
}
