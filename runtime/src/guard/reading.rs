//! What is said in one request, as far as it has to be read: the beginning of its list of messages is passed over where it is
//! known, and only named to those who judge.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use pai_protocol::spoken::{self, Listing, Opening, Source, Spoken, Stop};

use super::cache::Digest;
use super::conversations::{Beginning, Conversations, Known, Reader, Said};
use super::subject::Subject;

/// Subjects of a list that is remembered, at most: each tool is one.
const MOST_SUBJECTS: usize = 64;

/// What is said in a request.
pub(crate) struct Reading<'a> {
    reader: Reader,
    /// What is known of the list, and not among the passages.
    known: Option<Arc<Beginning>>,
    /// The list and what follows it.
    bytes: &'a [u8],
    spoken: Spoken<'a>,
    /// Which passages are of the list.
    list: Range<usize>,
    /// Where it can be gone on next time; each with how many passages are before it.
    stops: Vec<(usize, Arc<Beginning>)>,
}

/// The texts of one subject, in the order of the conversation.
#[derive(Debug, Default)]
pub(crate) struct Told<'t> {
    /// Those before the list, and those in it that are not known; then those behind it.
    pub(crate) texts: Vec<&'t str>,
    /// How many are before the list.
    pub(crate) before: usize,
    /// What stands for those at the beginning of the list.
    pub(crate) known: Option<Digest>,
    /// The last of those.
    pub(crate) last: String,
    /// Names for all texts from the first on, to remember what was found by: each for so many of `texts`, and what is known.
    pub(crate) names: Vec<(usize, Digest)>,
}

impl<'a> Reading<'a> {
    /// A request of which the beginning may be known. `None` where it cannot be read.
    pub(crate) fn new(conversations: &Conversations, reader: Reader, body: &'a [u8]) -> Option<Self> {
        if let Some(opening) = Opening::new(reader.dialect, body) {
            let bytes = opening.list();
            if let Some(known) = conversations.find(reader, bytes)
                && let Some(listing) = opening.read(&known.beginning.stop)
            {
                return Some(Self::of(conversations, reader, bytes, listing, Some(&known)));
            }
        }
        Self::whole(conversations, reader, body)
    }

    /// The same, all of it read.
    pub(crate) fn whole(conversations: &Conversations, reader: Reader, body: &'a [u8]) -> Option<Self> {
        if let Some(opening) = Opening::new(reader.dialect, body) {
            let bytes = opening.list();
            if let Some(listing) = opening.read(&Stop::default()) {
                return Some(Self::of(conversations, reader, bytes, listing, None));
            }
        }
        let spoken = spoken::request(reader.dialect, body).ok()?;
        Some(Self { reader, known: None, bytes: &[], spoken, list: 0..0, stops: Vec::new() })
    }

    fn of(
        conversations: &Conversations,
        reader: Reader,
        bytes: &'a [u8],
        listing: Listing<'a>,
        known: Option<&Known>,
    ) -> Self {
        let beginning = known.map(|known| Arc::clone(&known.beginning));
        let stops = if listing.stops.is_empty() {
            Vec::new()
        } else {
            remember(conversations, reader, bytes, &listing, known)
        };
        Self { reader, known: beginning, bytes, spoken: listing.spoken, list: listing.list, stops }
    }

    /// Whether part of it is known and was not read.
    pub(crate) fn is_partly_known(&self) -> bool {
        self.known.is_some()
    }

    /// What no guard can read.
    pub(crate) fn unread(&self) -> &[&'static str] {
        &self.spoken.unread
    }

    /// The tools whose results are in it, each once.
    pub(crate) fn tools(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for said in self.known.iter().flat_map(|known| &known.said) {
            if let Subject::Tool(name) = &said.subject {
                names.insert(name.clone());
            }
        }
        for passage in &self.spoken.passages {
            if let Source::Tool(name) = &passage.source
                && !names.contains(name.as_ref())
            {
                names.insert(name.to_string());
            }
        }
        names.into_iter().collect()
    }

    /// The texts of a subject: older turns too, or what stands for them.
    pub(crate) fn texts(&self, subject: &Subject) -> Told<'_> {
        let mut found = Told::default();
        let said =
            |beginning: &Beginning| beginning.said.iter().find(|said| said.subject == *subject).cloned();
        let known = self.known.as_deref().and_then(said);
        let mut stops = self.stops.iter().peekable();
        for (at, passage) in self.spoken.passages.iter().enumerate() {
            while let Some((_, stop)) = stops.next_if(|(passages, _)| *passages <= at) {
                found.names.extend(said(stop).map(|said| (found.texts.len(), said.name)));
            }
            if subject.has(passage, self.reader.client) {
                found.before += usize::from(at < self.list.start);
                found.texts.push(&passage.text);
            }
        }
        for (_, stop) in stops {
            found.names.extend(said(stop).map(|said| (found.texts.len(), said.name)));
        }
        // Without more of it, a longer beginning has the same name.
        found.names.dedup_by_key(|(_, name)| *name);
        if let Some(known) = known {
            found.names.retain(|(_, name)| *name != known.name);
            found.known = Some(known.name);
            if found.texts.len() > found.before {
                found.last = self.text_of(&known);
            }
        }
        found
    }

    /// The last text that is known, read again.
    fn text_of(&self, said: &Said) -> String {
        let (bytes, nth) = &said.last;
        let message = self.bytes.get(bytes.clone()).unwrap_or_default();
        let spoken = spoken::message(self.reader.dialect, message).unwrap_or_default();
        // INVARIANT: the same bytes have the same passages.
        spoken.passages.into_iter().nth(*nth).map(|passage| passage.text.into_owned()).unwrap_or_default()
    }
}

/// Remembers beginnings that end at the stops of a listing. Each with how many passages are before it.
fn remember(
    conversations: &Conversations,
    reader: Reader,
    bytes: &[u8],
    listing: &Listing<'_>,
    known: Option<&Known>,
) -> Vec<(usize, Arc<Beginning>)> {
    let mut naming = conversations.naming(reader, bytes, known);
    let mut said = known.map(|known| known.beginning.said.clone()).unwrap_or_default();
    let mut messages = listing.messages.iter();
    let (mut kept, mut stops) = (Vec::new(), Vec::new());
    let mut seen = 0;
    // Subjects with more texts than their names stand for.
    let mut changed = BTreeSet::new();
    for stop in &listing.stops {
        for message in messages.by_ref().take(stop.messages - seen) {
            for (nth, passage) in listing.spoken.passages[message.passages.clone()].iter().enumerate() {
                let last = (message.bytes.clone(), nth);
                let place = said.iter().position(|said| said.subject.has(passage, reader.client));
                if let Some(place) = place {
                    said[place].texts += 1;
                    said[place].last = last;
                    changed.insert(place);
                } else if let Some(subject) = Subject::of(passage, reader.client) {
                    if said.len() == MOST_SUBJECTS || subject.is_long() {
                        naming.keep(kept);
                        return stops;
                    }
                    changed.insert(said.len());
                    said.push(Said { subject, texts: 1, name: Digest::default(), last });
                }
            }
        }
        seen = stop.messages;
        let Some(digest) = naming.name(stop.bytes) else { continue };
        // Whoever judged what is said in it knows that by the names it has.
        let beginning = if let Some(beginning) = conversations.known(digest) {
            said.clone_from(&beginning.said);
            beginning
        } else {
            for place in &changed {
                said[*place].name = naming.subject(&said[*place].subject, digest);
            }
            Arc::new(Beginning { stop: Stop { messages: 0, ..stop.clone() }, said: said.clone() })
        };
        changed.clear();
        let passages = listing.messages.get(seen.wrapping_sub(1)).map_or(0, |message| message.passages.end);
        stops.push((passages, Arc::clone(&beginning)));
        kept.push((digest, beginning));
    }
    naming.keep(kept);
    stops
}
