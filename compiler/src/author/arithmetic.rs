//! Operators that can overflow. Strict validation does not look at overflow, and Cedar skips a policy that fails, so
//! rules compare and never compute.

use cedar_policy::pst::{BinaryOp, Clause, Expr, Policy, UnaryOp};

/// The first operator that can fail, as authors write it.
pub(super) fn find(policy: &Policy) -> Option<&'static str> {
    policy.body().clauses().iter().find_map(|clause| match clause {
        Clause::When(condition) | Clause::Unless(condition) => operator(condition),
    })
}

fn operator(condition: &Expr) -> Option<&'static str> {
    // A stack of our own: authors may nest as deeply as the parser lets them.
    let mut open = vec![condition];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::UnaryOp { op, expr } => {
                if *op == UnaryOp::Neg {
                    return Some("-");
                }
                open.push(expr);
            }
            Expr::BinaryOp { op, left, right } => {
                match op {
                    BinaryOp::Add => return Some("+"),
                    BinaryOp::Sub => return Some("-"),
                    BinaryOp::Mul => return Some("*"),
                    BinaryOp::Offset => return Some("offset"),
                    BinaryOp::DurationSince => return Some("durationSince"),
                    _ => {}
                }
                open.extend([&**right, &**left]);
            }
            Expr::GetAttr { expr, .. } | Expr::HasAttr { expr, .. } | Expr::Like { expr, .. } => {
                open.push(expr);
            }
            Expr::Is { expr, in_expr, .. } => {
                open.push(expr);
                open.extend(in_expr.as_deref());
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                open.extend([&**else_expr, &**then_expr, &**cond]);
            }
            Expr::Set(items) => open.extend(items.iter().map(|item| &**item)),
            Expr::Record(fields) => open.extend(fields.values().map(|value| &**value)),
            _ => {}
        }
    }
    None
}
