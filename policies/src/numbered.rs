//! A bundle's entities once more, by number: what the compiled form of policies compares in place of names. Read from
//! Cedar's own entities, so that there is one place where they are made.

use std::collections::HashMap;

use cedar_policy::{Entities, Entity, EntityTypeName, EntityUid, EvalResult};

use crate::load::LoadError;
use crate::vocabulary::attribute;

/// An entity, whether it exists or policies only name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Number(u32);

/// A type of entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeNumber(u32);

/// A value of a policy or of an attribute. Values of two types are two values, as they are to Cedar's `==`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Datum {
    Bool(bool),
    Long(i64),
    Text(Box<str>),
    Entity(Number),
    /// Sorted by [`View`], each once.
    Set(Vec<Datum>),
}

/// A value that is looked at where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum View<'a> {
    Bool(bool),
    Long(i64),
    Text(&'a str),
    Entity(Number),
    Set(&'a [Datum]),
}

impl Datum {
    /// A set of these.
    pub(crate) fn set(mut members: Vec<Self>) -> Self {
        members.sort_unstable();
        members.dedup();
        Self::Set(members)
    }

    /// The entity that it is.
    pub(crate) fn entity(&self) -> Option<Number> {
        match self {
            Self::Entity(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn view(&self) -> View<'_> {
        match self {
            Self::Bool(value) => View::Bool(*value),
            Self::Long(value) => View::Long(*value),
            Self::Text(text) => View::Text(text),
            Self::Entity(number) => View::Entity(*number),
            Self::Set(members) => View::Set(members),
        }
    }
}

impl PartialOrd for Datum {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Datum {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.view().cmp(&other.view())
    }
}

/// An entity as Cedar has it, and as trees do.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) uid: EntityUid,
    pub(crate) number: Number,
}

/// Attributes by their place in [`attribute::ALL`].
pub(crate) type AttributeNumber = u8;

/// The place of an attribute, where the vocabulary has it.
pub(crate) fn attribute_number(name: &str) -> Option<AttributeNumber> {
    attribute::ALL.iter().position(|known| *known == name).and_then(|place| u8::try_from(place).ok())
}

/// An entity that exists.
#[derive(Debug)]
struct Record {
    attributes: Vec<(AttributeNumber, Datum)>,
    /// Sorted.
    ancestors: Vec<Number>,
}

/// All entities of a bundle, and those that policies name beside them.
#[derive(Debug, Default)]
pub(crate) struct Numbered {
    numbers: HashMap<EntityUid, Number>,
    types: Vec<EntityTypeName>,
    /// By [`Number`].
    known: Vec<(TypeNumber, Option<Record>)>,
}

impl Numbered {
    /// Of Cedar's entities.
    pub(crate) fn new(entities: &Entities) -> Result<Self, LoadError> {
        let mut all = Self::default();
        for entity in entities.iter() {
            let uid = entity.uid();
            let number = all.number(&uid);
            let mut ancestors: Vec<Number> =
                entities.ancestors(&uid).into_iter().flatten().map(|above| all.number(above)).collect();
            ancestors.sort_unstable();
            let attributes = all.attributes(entity)?;
            if let Some((_, record)) = all.known.get_mut(number.place()) {
                *record = Some(Record { attributes, ancestors });
            }
        }
        Ok(all)
    }

    /// The number of an entity, which it gets where it has none.
    pub(crate) fn number(&mut self, uid: &EntityUid) -> Number {
        if let Some(number) = self.numbers.get(uid) {
            return *number;
        }
        // A bundle of four thousand million entities fits in no memory.
        let number = Number(u32::try_from(self.known.len()).unwrap_or(u32::MAX));
        let of_type = self.type_number(uid.type_name());
        self.numbers.insert(uid.clone(), number);
        self.known.push((of_type, None));
        number
    }

    /// An entity in both forms.
    pub(crate) fn named(&mut self, uid: EntityUid) -> Named {
        Named { number: self.number(&uid), uid }
    }

    /// The number of a type, which it gets where it has none.
    pub(crate) fn type_number(&mut self, name: &EntityTypeName) -> TypeNumber {
        let place = self.types.iter().position(|known| known == name).unwrap_or_else(|| {
            self.types.push(name.clone());
            self.types.len() - 1
        });
        TypeNumber(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Whether an entity is of a type.
    pub(crate) fn is(&self, number: Number, of: TypeNumber) -> bool {
        self.known.get(number.place()).is_some_and(|(known, _)| *known == of)
    }

    /// Whether an entity is another one, or below it.
    pub(crate) fn is_in(&self, number: Number, above: Number) -> bool {
        number == above
            || self.record(number).is_some_and(|record| record.ancestors.binary_search(&above).is_ok())
    }

    /// An attribute; `None` where the entity does not exist or has none of that name.
    pub(crate) fn attribute(&self, number: Number, name: AttributeNumber) -> Option<&Datum> {
        let attributes = &self.record(number)?.attributes;
        attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn record(&self, number: Number) -> Option<&Record> {
        self.known.get(number.place())?.1.as_ref()
    }

    fn attributes(&mut self, entity: &Entity) -> Result<Vec<(AttributeNumber, Datum)>, LoadError> {
        let mut attributes = Vec::new();
        for (place, name) in (0..).zip(attribute::ALL) {
            let Some(value) = entity.attr(name) else { continue };
            let value = value.map_err(|cause| LoadError::Entities(cause.to_string()))?;
            let datum = self.datum(&value).ok_or_else(|| {
                LoadError::Entities(format!("attribute `{name}` of {} is of no known type", entity.uid()))
            })?;
            attributes.push((place, datum));
        }
        Ok(attributes)
    }

    fn datum(&mut self, value: &EvalResult) -> Option<Datum> {
        Some(match value {
            EvalResult::Bool(value) => Datum::Bool(*value),
            EvalResult::Long(value) => Datum::Long(*value),
            EvalResult::String(text) => Datum::Text(text.as_str().into()),
            EvalResult::EntityUid(uid) => Datum::Entity(self.number(uid)),
            EvalResult::Set(members) => {
                Datum::set(members.iter().map(|member| self.datum(member)).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

impl Number {
    fn place(self) -> usize {
        self.0 as usize
    }
}
