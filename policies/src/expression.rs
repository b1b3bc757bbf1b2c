//! A condition of a policy, from Cedar's JSON form to a tree over numbers and facts. What the tree does not have (addresses,
//! times, records, arithmetic) stays with Cedar.

use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use pai_bundle::pattern::Pattern;
use serde_json::{Value, json};

use crate::numbered::{AttributeNumber, Datum, Number, Numbered, TypeNumber, attribute_number};
use crate::vocabulary::context as field;

/// A condition, or a part of one.
#[derive(Debug, Clone)]
pub(crate) enum Expression {
    Constant(Datum),
    Variable(Variable),
    Field(Field),
    Attribute(Box<Expression>, AttributeNumber),
    Has(Box<Expression>, AttributeNumber),
    /// Of a field that only keys bring.
    IsExternal,
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    If(Box<[Expression; 3]>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    Like(Box<Expression>, Pattern),
    Is(Box<Expression>, TypeNumber),
    IsEmpty(Box<Expression>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Variable {
    Principal,
    Action,
    Resource,
}

/// Operators with two operands, both of which are always evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Contains,
    ContainsAll,
    ContainsAny,
}

/// What of the context is read without Cedar.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    Model,
    TokensRequested,
    NanoUsdRequested,
    AfterProvider,
    AfterProviderExternal,
    AfterPrincipal,
    AfterPrincipalNanoUsd,
    IpAllowed,
    ModelAllowed,
    NowSeconds,
    External,
}

/// The pattern of a `like`; `None` where a star in it is meant as a star, which patterns of manifests cannot say.
fn pattern(parts: &Value) -> Option<Pattern> {
    let mut text = String::new();
    for part in parts.as_array()? {
        match part.get("Literal").and_then(Value::as_str) {
            Some(literal) if literal.contains('*') => return None,
            Some(literal) => text.push_str(literal),
            None if part == "Wildcard" => text.push('*'),
            None => return None,
        }
    }
    Some(Pattern::new(text))
}

impl Expression {
    /// Of Cedar's JSON; `None` where it uses what is not here.
    pub(crate) fn read(json: &Value, numbered: &mut Numbered) -> Option<Self> {
        let members = json.as_object()?;
        let (operator, of) = members.iter().next().filter(|_| members.len() == 1)?;
        let mut operand = |name: &str| Some(Box::new(Self::read(of.get(name)?, numbered)?));
        Some(match operator.as_str() {
            "Value" => Self::Constant(constant(of, numbered)?),
            "Var" => Self::Variable(match of.as_str()? {
                "principal" => Variable::Principal,
                "action" => Variable::Action,
                "resource" => Variable::Resource,
                // The context as a whole.
                _ => return None,
            }),
            "Set" => {
                let members = of.as_array()?.iter().map(|member| match Self::read(member, numbered)? {
                    Self::Constant(value) => Some(value),
                    _ => None,
                });
                Self::Constant(Datum::set(members.collect::<Option<_>>()?))
            }
            "." => match context_path(json) {
                Some(path) => Self::Field(Field::read(&path)?),
                None => Self::Attribute(operand("left")?, attribute_number(of.get("attr")?.as_str()?)?),
            },
            "has" => Self::read_has(of, numbered)?,
            "!" => Self::Not(operand("arg")?),
            "isEmpty" => Self::IsEmpty(operand("arg")?),
            "&&" => Self::And(operand("left")?, operand("right")?),
            "||" => Self::Or(operand("left")?, operand("right")?),
            "if-then-else" => Self::If(Box::new([*operand("if")?, *operand("then")?, *operand("else")?])),
            "like" => Self::Like(operand("left")?, pattern(of.get("pattern")?)?),
            "is" => Self::read_is(of, numbered)?,
            _ => Self::Compare(Comparison::read(operator)?, operand("left")?, operand("right")?),
        })
    }

    /// `a has b.c` is `a has b && a.b has c`.
    fn read_has(of: &Value, numbered: &mut Numbered) -> Option<Self> {
        let names: Vec<&str> = match of.get("attr")? {
            Value::Array(names) => names.iter().map(Value::as_str).collect::<Option<_>>()?,
            name => vec![name.as_str()?],
        };
        let mut all: Option<Self> = None;
        let mut left = of.get("left")?.clone();
        for name in names {
            let one = match context_path(&left) {
                Some(path) => has_field(&path, name)?,
                None => Self::Has(Box::new(Self::read(&left, numbered)?), attribute_number(name)?),
            };
            all = Some(match all {
                Some(before) => Self::And(Box::new(before), Box::new(one)),
                None => one,
            });
            left = json!({ ".": { "left": left, "attr": name } });
        }
        all
    }

    fn read_is(of: &Value, numbered: &mut Numbered) -> Option<Self> {
        let left = Self::read(of.get("left")?, numbered)?;
        let name: EntityTypeName = of.get("entity_type")?.as_str()?.parse().ok()?;
        let is = Self::Is(Box::new(left.clone()), numbered.type_number(&name));
        let Some(above) = of.get("in") else { return Some(is) };
        let above = Self::read(above, numbered)?;
        Some(Self::And(
            Box::new(is),
            Box::new(Self::Compare(Comparison::In, Box::new(left), Box::new(above))),
        ))
    }
}

/// `context.after.provider` as `["after", "provider"]`; nothing where it does not begin with the context.
fn context_path(json: &Value) -> Option<Vec<&str>> {
    if json.get("Var").is_some_and(|variable| variable == "context") {
        return Some(Vec::new());
    }
    let access = json.get(".")?;
    let mut path = context_path(access.get("left")?)?;
    path.push(access.get("attr")?.as_str()?);
    Some(path)
}

/// All of the context is always there, but for what only keys bring.
fn has_field(path: &[&str], attribute: &str) -> Option<Expression> {
    if (path, attribute) == (&[field::AFTER], field::AFTER_PROVIDER_EXTERNAL) {
        return Some(Expression::IsExternal);
    }
    let whole: Vec<&str> = path.iter().copied().chain([attribute]).collect();
    let is_there = Field::read(&whole).is_some()
        || matches!(whole.as_slice(), [field::AFTER | field::GUARD | field::SOURCE_IP | field::NOW]);
    is_there.then_some(Expression::Constant(Datum::Bool(true)))
}

impl Field {
    fn read(path: &[&str]) -> Option<Self> {
        Some(match path {
            [field::MODEL] => Self::Model,
            [field::TOKENS_REQUESTED] => Self::TokensRequested,
            [field::NANO_USD_REQUESTED] => Self::NanoUsdRequested,
            [field::AFTER, field::AFTER_PROVIDER] => Self::AfterProvider,
            [field::AFTER, field::AFTER_PROVIDER_EXTERNAL] => Self::AfterProviderExternal,
            [field::AFTER, field::AFTER_PRINCIPAL] => Self::AfterPrincipal,
            [field::AFTER, field::AFTER_PRINCIPAL_NANO_USD] => Self::AfterPrincipalNanoUsd,
            [field::IP_ALLOWED] => Self::IpAllowed,
            [field::MODEL_ALLOWED] => Self::ModelAllowed,
            [field::NOW_SECONDS] => Self::NowSeconds,
            [field::EXTERNAL] => Self::External,
            _ => return None,
        })
    }
}

impl Comparison {
    fn read(operator: &str) -> Option<Self> {
        Some(match operator {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "in" => Self::In,
            "contains" => Self::Contains,
            "containsAll" => Self::ContainsAll,
            "containsAny" => Self::ContainsAny,
            _ => return None,
        })
    }
}

fn constant(json: &Value, numbered: &mut Numbered) -> Option<Datum> {
    Some(match json {
        Value::Bool(value) => Datum::Bool(*value),
        Value::Number(number) => Datum::Long(number.as_i64()?),
        Value::String(text) => Datum::Text(text.as_str().into()),
        Value::Object(_) => Datum::Entity(entity(json.get("__entity")?, numbered)?),
        _ => return None,
    })
}

fn entity(json: &Value, numbered: &mut Numbered) -> Option<Number> {
    let of: EntityTypeName = json.get("type")?.as_str()?.parse().ok()?;
    let id = EntityId::new(json.get("id")?.as_str()?);
    Some(numbered.number(&EntityUid::from_type_name_and_id(of, id)))
}
