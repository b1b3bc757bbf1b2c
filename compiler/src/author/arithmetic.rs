//! Operators that can overflow. Strict validation does not look at overflow, and Cedar skips a policy that fails, so
//! rules compare and never compute.

use cedar_policy::pst::{BinaryOp, Clause, Expr, Policy, UnaryOp};

use super::expression;

/// The first operator that can fail, as authors write it.
pub(super) fn find(policy: &Policy) -> Option<&'static str> {
    policy.body().clauses().iter().find_map(|clause| match clause {
        Clause::When(condition) | Clause::Unless(condition) => operator(condition),
    })
}

fn operator(condition: &Expr) -> Option<&'static str> {
    expression::all(condition).find_map(|expr| match expr {
        Expr::UnaryOp { op: UnaryOp::Neg, .. } => Some("-"),
        Expr::BinaryOp { op, .. } => match op {
            BinaryOp::Add => Some("+"),
            BinaryOp::Sub => Some("-"),
            BinaryOp::Mul => Some("*"),
            BinaryOp::Offset => Some("offset"),
            BinaryOp::DurationSince => Some("durationSince"),
            _ => None,
        },
        _ => None,
    })
}
