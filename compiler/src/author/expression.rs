//! The parts of an expression, for those who look through all of it. They keep a stack of their own: authors may nest as
//! deeply as the parser lets them.

use cedar_policy::pst::Expr;

/// What stands right below an expression.
pub(crate) fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => vec![expr],
        Expr::BinaryOp { left, right, .. } => vec![left, right],
        Expr::Is { expr, in_expr, .. } => std::iter::once(&**expr).chain(in_expr.as_deref()).collect(),
        Expr::IfThenElse { cond, then_expr, else_expr } => vec![cond, then_expr, else_expr],
        Expr::Set(items) => items.iter().map(|item| &**item).collect(),
        Expr::Record(fields) => fields.values().map(|value| &**value).collect(),
        _ => Vec::new(),
    }
}

/// An expression and everything in it, from left to right.
pub(crate) fn all(root: &Expr) -> impl Iterator<Item = &Expr> {
    let mut open = vec![root];
    std::iter::from_fn(move || {
        let expr = open.pop()?;
        open.extend(parts(expr).into_iter().rev());
        Some(expr)
    })
}
