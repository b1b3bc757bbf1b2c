//! Each account by itself: its limit, its mark, its parts.

use pai_ledger::Unit;

use super::recorded::Recorded;
use super::{Audit, Tolerated, Violation, who};
use crate::report::Row;

pub(super) fn check(rows: &[&Row], records: Option<&Recorded>, audit: &mut Audit) {
    for row in rows {
        for unit in Unit::ALL {
            limit(row, unit, records, audit);
            mark(row, unit, audit);
        }
        let settled = row.settled().tokens.0.saturating_sub(row.counts.recovered_tokens);
        if row.counts.estimated_tokens > settled {
            audit.violations.push(Violation::EstimatedBeyondAll {
                who: who(row),
                estimated: row.counts.estimated_tokens,
                settled,
            });
        }
    }
}

/// `settled + held + free = limit`, where less than nothing cannot be free. What was used under a larger limit than
/// today's stays used: the records of its day say which limit that was.
fn limit(row: &Row, unit: Unit, records: Option<&Recorded>, audit: &mut Audit) {
    let Some(now) = row.caps().of(unit) else { return };
    let (settled, held) = (row.settled().of(unit), row.held().of(unit));
    let used = settled.saturating_add(held);
    if used <= now {
        return;
    }
    let then = records.and_then(|records| records.limit(row)).map_or(0, |limit| limit.of(unit));
    if used <= then {
        audit.tolerated.push(Tolerated::LimitLowered { who: who(row), unit, used, now, then });
    } else {
        audit.violations.push(Violation::OverLimit {
            who: who(row),
            unit,
            limit: now.max(then),
            settled,
            held,
        });
    }
}

fn mark(row: &Row, unit: Unit, audit: &mut Audit) {
    let (settled, mark) = (row.settled().of(unit), row.mark().of(unit));
    if settled > mark {
        audit.violations.push(Violation::BeyondMark { who: who(row), unit, settled, mark });
    }
}
