//! A tree over a request's facts to a value, as Cedar would evaluate it: where Cedar errs there is none.

use crate::context::is_external;
use crate::expression::{Comparison, Expression, Field, Variable};
use crate::facts::Facts;
use crate::known::{Known, is_address_allowed, is_model_allowed};
use crate::numbered::{Datum, Number, Numbered, View};

/// One question, in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) numbered: &'a Numbered,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) principal: Known<'a>,
    pub(crate) action: Number,
    pub(crate) resource: Number,
}

impl Expression {
    /// Whether it holds; `None` where Cedar errs, which is no answer.
    pub(crate) fn holds(&self, question: &Question<'_>) -> Option<bool> {
        match self {
            Self::Not(condition) => Some(!condition.holds(question)?),
            Self::And(left, right) => Some(left.holds(question)? && right.holds(question)?),
            Self::Or(left, right) => Some(left.holds(question)? || right.holds(question)?),
            Self::Has(of, name) => {
                let View::Entity(entity) = of.value(question)? else { return None };
                Some(question.numbered.attribute(entity, *name).is_some())
            }
            Self::IsExternal => Some(is_external(question.facts)),
            Self::Is(entity, of) => {
                let View::Entity(entity) = entity.value(question)? else { return None };
                Some(question.numbered.is(entity, *of))
            }
            Self::IsEmpty(set) => {
                let View::Set(members) = set.value(question)? else { return None };
                Some(members.is_empty())
            }
            Self::Like(text, pattern) => {
                let View::Text(text) = text.value(question)? else { return None };
                Some(pattern.matches(text))
            }
            Self::Compare(comparison, left, right) => {
                comparison.holds(left.value(question)?, right.value(question)?, question.numbered)
            }
            Self::Constant(_) | Self::Variable(_) | Self::Field(_) | Self::Attribute(..) | Self::If(_) => {
                match self.value(question)? {
                    View::Bool(value) => Some(value),
                    _ => None,
                }
            }
        }
    }

    fn value<'a>(&'a self, question: &Question<'a>) -> Option<View<'a>> {
        match self {
            Self::Constant(value) => Some(value.view()),
            Self::Variable(variable) => Some(View::Entity(match variable {
                Variable::Principal => question.principal.entity().number,
                Variable::Action => question.action,
                Variable::Resource => question.resource,
            })),
            Self::Field(field) => field.value(question),
            Self::Attribute(of, name) => {
                let View::Entity(entity) = of.value(question)? else { return None };
                question.numbered.attribute(entity, *name).map(Datum::view)
            }
            Self::If(branches) => {
                let [condition, then, otherwise] = &**branches;
                if condition.holds(question)? { then.value(question) } else { otherwise.value(question) }
            }
            _ => self.holds(question).map(View::Bool),
        }
    }
}

impl Comparison {
    fn holds(self, left: View<'_>, right: View<'_>, numbered: &Numbered) -> Option<bool> {
        match (self, left, right) {
            (Self::Equal, ..) => Some(left == right),
            (Self::NotEqual, ..) => Some(left != right),
            (Self::Less, View::Long(left), View::Long(right)) => Some(left < right),
            (Self::LessOrEqual, View::Long(left), View::Long(right)) => Some(left <= right),
            (Self::Greater, View::Long(left), View::Long(right)) => Some(left > right),
            (Self::GreaterOrEqual, View::Long(left), View::Long(right)) => Some(left >= right),
            (Self::In, View::Entity(entity), View::Entity(above)) => Some(numbered.is_in(entity, above)),
            (Self::In, View::Entity(entity), View::Set(above)) => {
                let above: Option<Vec<Number>> = above.iter().map(Datum::entity).collect();
                Some(above?.into_iter().any(|above| numbered.is_in(entity, above)))
            }
            (Self::Contains, View::Set(members), _) => Some(has(members, right)),
            (Self::ContainsAll, View::Set(members), View::Set(wanted)) => {
                Some(wanted.iter().all(|wanted| has(members, wanted.view())))
            }
            (Self::ContainsAny, View::Set(members), View::Set(wanted)) => {
                Some(wanted.iter().any(|wanted| has(members, wanted.view())))
            }
            _ => None,
        }
    }
}

fn has(members: &[Datum], wanted: View<'_>) -> bool {
    members.binary_search_by(|member| member.view().cmp(&wanted)).is_ok()
}

impl Field {
    fn value<'a>(self, question: &Question<'a>) -> Option<View<'a>> {
        let facts = question.facts;
        let after =
            |used: pai_bundle::unit::Tokens| View::Long(used.saturating_add(facts.tokens).as_cedar_long());
        Some(match self {
            Self::Model => View::Text(facts.model.as_str()),
            Self::TokensRequested => View::Long(facts.tokens.as_cedar_long()),
            Self::NanoUsdRequested => View::Long(facts.cost.as_cedar_long()),
            Self::AfterProvider => after(facts.used.provider),
            Self::AfterPrincipal => after(facts.used.principal),
            Self::AfterProviderExternal => {
                if !is_external(facts) {
                    return None;
                }
                after(facts.used.provider_external)
            }
            Self::AfterPrincipalNanoUsd => {
                View::Long(facts.used.principal_cost.saturating_add(facts.cost).as_cedar_long())
            }
            Self::IpAllowed => View::Bool(is_address_allowed(facts, question.principal)),
            Self::ModelAllowed => View::Bool(is_model_allowed(facts, question.principal)),
            Self::NowSeconds => View::Long(facts.now.0),
            Self::External => View::Bool(is_external(facts)),
        })
    }
}

/// Rules that are decided without asking Cedar.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    pub(crate) permits: Vec<Expression>,
    pub(crate) objections: Vec<Expression>,
}

impl Gate {
    /// Whether none of its rules objects, and each could be evaluated.
    pub(crate) fn is_clear(&self, question: &Question<'_>) -> bool {
        self.objections.iter().all(|rule| rule.holds(question) == Some(false))
    }

    /// Whether one of its rules permits, and each could be evaluated.
    pub(crate) fn permits(&self, question: &Question<'_>) -> bool {
        let mut permitted = false;
        for rule in &self.permits {
            match rule.holds(question) {
                Some(holds) => permitted |= holds,
                None => return false,
            }
        }
        permitted
    }
}
