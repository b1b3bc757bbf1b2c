//! One Cedar policy from its parts. Names in manifests are users' input: they enter as values of Cedar's syntax tree,
//! never as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, Effect, EntityOrSlot, EntityType, EntityUID, Expr, Literal, Name,
    PatternElem, Policy as Tree, PrincipalConstraint, PstConstructionError, ResourceConstraint, StaticPolicy,
    Template, Var,
};
use pai_bundle::name::PolicyId;
use pai_bundle::origin::Origin;
use pai_bundle::policy::Policy;
use pai_policies::vocabulary::context;

/// Operands of one operator without brackets. A chain of them is a tree as deep as it is long, which Cedar reads, checks,
/// evaluates and drops by recursion, on two megabytes of stack in a gateway; longer lists are written in groups of groups.
const CHAIN_MAX: usize = 16;

/// A policy as the bundle holds it, and as Cedar read it back.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) policy: Policy,
    pub(crate) parsed: cedar_policy::Policy,
}

/// A policy could not be built; a mistake of ours, never of a manifest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LowerError {
    /// The parts do not make a policy.
    #[error("policy `{id}` cannot be built: {cause}")]
    Build { id: String, cause: String },
    /// Its text does not say what was built.
    #[error("policy `{id}` reads otherwise than it was built")]
    Text { id: String },
}

/// Everything that a generated forbid consists of.
#[derive(Debug)]
pub(super) struct Forbid {
    pub(super) id: String,
    pub(super) origin: Origin,
    /// Annotations other than `@id`.
    pub(super) annotations: Vec<(&'static str, String)>,
    pub(super) principal: Who,
    pub(super) action: &'static str,
    /// The type and id of what the resource is in; `None` for every resource.
    pub(super) within: Option<(&'static str, String)>,
    pub(super) clause: When,
}

/// Whom a forbid concerns.
#[derive(Debug)]
pub(super) enum Who {
    /// Every principal.
    Anyone,
    /// All of a type.
    Every(&'static str),
    /// One of a type, by id.
    One(&'static str, String),
}

/// The condition, as the operands of one operator.
#[derive(Debug)]
pub(super) enum When {
    /// When any holds.
    Any(Vec<Arc<Expr>>),
    /// When all hold.
    All(Vec<Arc<Expr>>),
    /// Unless any holds.
    NotAny(Vec<Arc<Expr>>),
}

impl Forbid {
    pub(super) fn build(self) -> Result<Built, LowerError> {
        let id = self.id.clone();
        let wrong = |cause: String| LowerError::Build { id: id.clone(), cause };
        let annotations: Vec<(&str, String)> =
            std::iter::once(("id", self.id.clone())).chain(self.annotations.iter().cloned()).collect();
        let tree = self.tree(&annotations).map_err(|error| wrong(error.to_string()))?;
        let text = self.text(&annotations);
        let parsed = cedar_policy::Policy::parse(Some(cedar_policy::PolicyId::new(&self.id)), &text)
            .map_err(|error| wrong(error.to_string()))?;
        // INVARIANT: the text says what was built. Whatever a name contains, it is one string in both.
        let read = parsed.to_pst().map_err(|error| wrong(error.to_string()))?;
        if read != tree {
            return Err(LowerError::Text { id });
        }
        Ok(Built { policy: Policy { id: PolicyId::new(self.id), origin: self.origin, text }, parsed })
    }

    fn tree(&self, annotations: &[(&str, String)]) -> Result<Tree, PstConstructionError> {
        let action =
            EntityUID { ty: EntityType::from_name(Name::unqualified("Action")?), eid: self.action.into() };
        let entity = |name: &str, id: &str| {
            let ty = EntityType::from_name(Name::unqualified(name)?);
            Ok::<_, PstConstructionError>(EntityOrSlot::Entity(EntityUID { ty, eid: id.into() }))
        };
        let principal = match &self.principal {
            Who::Anyone => PrincipalConstraint::Any,
            Who::Every(name) => PrincipalConstraint::Is(EntityType::from_name(Name::unqualified(name)?)),
            Who::One(name, id) => PrincipalConstraint::Eq(entity(name, id)?),
        };
        let resource = match &self.within {
            None => ResourceConstraint::Any,
            Some((name, id)) => ResourceConstraint::In(entity(name, id)?),
        };
        let annotations: BTreeMap<String, _> =
            annotations.iter().map(|(key, value)| ((*key).to_owned(), value.as_str().into())).collect();
        let clause = match &self.clause {
            When::Any(operands) => Clause::When(joined(BinaryOp::Or, operands.clone())),
            When::All(operands) => Clause::When(joined(BinaryOp::And, operands.clone())),
            When::NotAny(operands) => Clause::Unless(joined(BinaryOp::Or, operands.clone())),
        };
        let action = ActionConstraint::In(vec![action]);
        let template = Template::new(self.id.as_str(), Effect::Forbid, principal, action, resource)
            .try_with_clauses([clause])?
            .with_annotations(annotations);
        Ok(Tree::Static(StaticPolicy::try_from(template)?))
    }

    /// The policy's text: an annotation a line, the scope, an operand a line.
    fn text(&self, annotations: &[(&str, String)]) -> String {
        let annotations: Vec<String> =
            annotations.iter().map(|(key, value)| format!("@{key}({})", string(value))).collect();
        let annotations = annotations.join("\n");
        let principal = match &self.principal {
            Who::Anyone => "principal".to_owned(),
            Who::Every(name) => format!("principal is {name}"),
            Who::One(name, id) => format!("principal == {name}::{}", string(id)),
        };
        let resource = match &self.within {
            None => "resource".to_owned(),
            Some((name, id)) => format!("resource in {name}::{}", string(id)),
        };
        let action = self.action;
        let (word, operator, operands) = match &self.clause {
            When::Any(operands) => ("when", "||", operands),
            When::All(operands) => ("when", "&&", operands),
            When::NotAny(operands) => ("unless", "||", operands),
        };
        let separator = format!(" {operator}\n  ");
        let bracketed = |group: &[String]| format!("({})", group.join(&separator));
        let operands = in_groups(operands.iter().map(ToString::to_string).collect(), bracketed);
        let condition = match operands.as_slice() {
            [only] => format!("{{ {only} }}"),
            several => format!("{{\n  {}\n}}", several.join(&separator)),
        };
        format!(
            "{annotations}\nforbid ({principal}, action in Action::\"{action}\", {resource})\n{word} {condition};"
        )
    }
}

fn joined(op: BinaryOp, operands: Vec<Arc<Expr>>) -> Arc<Expr> {
    let join = |left, right: Arc<Expr>| Arc::new(Expr::BinaryOp { op, left, right });
    let none = || Arc::new(Expr::Literal(Literal::Bool(op == BinaryOp::And)));
    let chain = |chain: &[Arc<Expr>]| chain.iter().cloned().reduce(join).unwrap_or_else(none);
    chain(&in_groups(operands, chain))
}

/// No more than [`CHAIN_MAX`] operands that stand for these: each made of as many, which may be made of others.
fn in_groups<T: Clone>(mut operands: Vec<T>, group: impl Fn(&[T]) -> T) -> Vec<T> {
    while operands.len() > CHAIN_MAX {
        let groups = operands.chunks(CHAIN_MAX).map(|chunk| match chunk {
            [only] => only.clone(),
            several => group(several),
        });
        operands = groups.collect();
    }
    operands
}

/// A string as Cedar writes it, quotes included.
fn string(value: &str) -> String {
    Expr::Literal(Literal::String(value.into())).to_string()
}

fn context() -> Arc<Expr> {
    Arc::new(Expr::Var(Var::Context))
}

fn attribute(of: Arc<Expr>, name: &str) -> Arc<Expr> {
    Arc::new(Expr::GetAttr { expr: of, attr: name.into() })
}

/// `context.model` matches a pattern, in which only `*` is special.
pub(super) fn model_matches(pattern: &str) -> Arc<Expr> {
    let model = attribute(context(), context::MODEL);
    if pattern.contains('*') {
        let element = |c| if c == '*' { PatternElem::Wildcard } else { PatternElem::Char(c) };
        return Arc::new(Expr::Like { expr: model, pattern: pattern.chars().map(element).collect() });
    }
    let literal = Arc::new(Expr::Literal(Literal::String(pattern.into())));
    Arc::new(Expr::BinaryOp { op: BinaryOp::Eq, left: model, right: literal })
}

/// `context.tokensRequested > cap`.
pub(super) fn request_above(cap: i64) -> Arc<Expr> {
    above(attribute(context(), context::TOKENS_REQUESTED), cap)
}

/// `context.after.FIELD > cap`.
pub(super) fn day_above(field: &str, cap: i64) -> Arc<Expr> {
    above(attribute(attribute(context(), context::AFTER), field), cap)
}

/// `context.after has FIELD`.
pub(super) fn day_has(field: &str) -> Arc<Expr> {
    let after = attribute(context(), context::AFTER);
    Arc::new(Expr::HasAttr { expr: after, attrs: (field.into(), Vec::new()).into() })
}

/// `context.guard.FIELD.containsAny([…])`.
pub(super) fn flagged(field: &str, flags: &[String]) -> Arc<Expr> {
    let flag = |flag: &String| Arc::new(Expr::Literal(Literal::String(flag.as_str().into())));
    let flags = Arc::new(Expr::Set(flags.iter().map(flag).collect()));
    let found = attribute(attribute(context(), context::GUARD), field);
    Arc::new(Expr::BinaryOp { op: BinaryOp::ContainsAny, left: found, right: flags })
}

fn above(number: Arc<Expr>, cap: i64) -> Arc<Expr> {
    let cap = Arc::new(Expr::Literal(Literal::Long(cap)));
    Arc::new(Expr::BinaryOp { op: BinaryOp::Greater, left: number, right: cap })
}
