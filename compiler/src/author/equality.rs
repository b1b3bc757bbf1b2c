//! Patterns where Cedar compares letter by letter: a star in an equality, or a whole network as one address. Such a
//! comparison never holds, so a forbid with it lets everything through.

use std::collections::BTreeSet;

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Policy, UnaryOp};
use pai_policies::vocabulary::{attribute, context, entity};

use super::rules;
use super::snippet::Snippet;
use crate::diagnostic::mask::shown;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// Every literal that is compared as it stands and reads as a pattern.
pub(super) fn find(
    policy: &cedar_policy::Policy,
    tree: &Policy,
    id: FileId,
    snippet: Snippet<'_>,
    found: &mut Diagnostics,
) {
    let span = |literal: &str| {
        let whole = (snippet.start, snippet.start + snippet.text.trim_end().len());
        let (start, end) = snippet.word(literal).unwrap_or(whole);
        Span::new(id, start, end)
    };
    let mut seen = BTreeSet::new();
    for literal in policy.entity_literals() {
        let (written, name) = (literal.to_string(), literal.id().unescaped().to_owned());
        if !name.contains(entity::PLACEHOLDER) || !seen.insert(written.clone()) {
            continue;
        }
        let provider = name.strip_suffix("/*").filter(|rest| rest.contains('/') && !rest.contains('*'));
        let help = match provider {
            Some(provider) if literal.type_name().to_string() == entity::MODEL => {
                format!("all models of the provider are `resource in ModelProvider::\"{provider}\"`")
            }
            _ => "compare the name, as in `principal.name like \"default/ci-*\"`, or the model, as in \
                  `context.model like \"claude-opus-*\"`"
                .to_owned(),
        };
        let message = format!("{} is one id, and no pattern", shown(&name));
        found.push(
            Diagnostic::new(&rules::PATTERN, span(&written), message).label("`*` is a star here").help(help),
        );
    }
    for text in texts(tree) {
        if seen.insert(text.clone()) {
            found.push(finding(&text, span(&format!("{text:?}"))));
        }
    }
}

fn finding(text: &str, span: Span) -> Diagnostic {
    if text.contains('*') {
        let message = format!("{} is compared letter by letter, so it matches nothing", shown(text));
        Diagnostic::new(&rules::PATTERN, span, message)
            .label("`*` is a star here")
            .help(format!("write `like \"{text}\"`, which takes `*` for anything"))
    } else {
        let message = format!("{} is a network, and no address equals one", shown(text));
        Diagnostic::new(&rules::PATTERN, span, message)
            .label("many addresses")
            .help(format!("write `context.sourceIp.isInRange(ip(\"{text}\"))`"))
    }
}

/// The texts of all equalities that cannot hold.
fn texts(tree: &Policy) -> Vec<String> {
    let clauses = tree.body().clauses().iter();
    let mut open: Vec<&Expr> = clauses
        .map(|clause| match clause {
            Clause::When(condition) | Clause::Unless(condition) => &**condition,
        })
        .collect();
    let mut all = Vec::new();
    // A stack of our own: authors may nest as deeply as the parser lets them.
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryOp { op, left, right } => {
                match op {
                    BinaryOp::Eq | BinaryOp::NotEq => {
                        all.extend(compared(left, right).or_else(|| compared(right, left)));
                    }
                    BinaryOp::Contains => {
                        if let Expr::Set(items) = &**left {
                            all.extend(items.iter().filter_map(|item| compared(right, item)));
                        }
                    }
                    _ => {}
                }
                open.extend([&**right, &**left]);
            }
            Expr::UnaryOp { expr, .. }
            | Expr::GetAttr { expr, .. }
            | Expr::HasAttr { expr, .. }
            | Expr::Like { expr, .. } => open.push(expr),
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                open.extend([&**else_expr, &**then_expr, &**cond]);
            }
            _ => {}
        }
    }
    all
}

/// The literal's text, where it is a pattern and what it is compared with is none.
fn compared(field: &Expr, literal: &Expr) -> Option<String> {
    let Expr::GetAttr { attr, .. } = field else { return None };
    match literal {
        Expr::Literal(Literal::String(text)) => {
            let is_name = [attribute::NAME, context::MODEL].contains(&attr.as_str());
            (is_name && text.contains('*')).then(|| text.to_string())
        }
        Expr::UnaryOp { op: UnaryOp::Ip, expr } => {
            let Expr::Literal(Literal::String(text)) = &**expr else { return None };
            let bits = text.split_once('/').map(|(_, bits)| bits)?;
            let is_one = bits == if text.contains(':') { "128" } else { "32" };
            (attr.as_str() == context::SOURCE_IP && !is_one).then(|| text.to_string())
        }
        _ => None,
    }
}
