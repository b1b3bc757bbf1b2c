//! How accounts, amounts and times are written on the command line.

use std::str::FromStr;

use miette::miette;
use pai_bundle::Bundle;
use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{DEFAULT_NAMESPACE, Name, QualifiedName};
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_compiler::inspect::suite::cases;
use pai_compiler::inspect::{Who, World};

/// What an account stands at, as typed: `provider/anthropic=4_000_000`.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    scope: Scope,
    name: Name,
    tokens: Tokens,
}

impl FromStr for Standing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (account, amount) =
            text.split_once('=').ok_or("write provider/NAME=N, agent/NAME=N and so on")?;
        let nowhere = DEFAULT_NAMESPACE.parse().map_err(|cause| format!("{cause}"))?;
        let (scope, name) = cases::account(account, &nowhere)?;
        Ok(Self { scope, name: name.name, tokens: tokens(amount)? })
    }
}

impl Standing {
    /// The account in a bundle; one that nobody has is a slip.
    pub(crate) fn resolve(
        &self,
        namespace: &Name,
        bundle: &Bundle,
    ) -> miette::Result<((Scope, QualifiedName), Tokens)> {
        Ok((resolve(self.scope, &self.name, namespace, bundle)?, self.tokens))
    }
}

/// What a principal has spent, as typed: `agent/coder=12.50`.
#[derive(Debug, Clone)]
pub(crate) struct Spending {
    scope: Scope,
    name: Name,
    spent: NanoUsd,
}

impl FromStr for Spending {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write agent/NAME=12.50 or key/NAME=12.50";
        let (account, amount) = text.split_once('=').ok_or(FORM)?;
        let nowhere = DEFAULT_NAMESPACE.parse().map_err(|cause| format!("{cause}"))?;
        let (scope, name) = cases::account(account, &nowhere)?;
        if matches!(scope, Scope::Provider | Scope::ProviderExternal) {
            return Err(format!("providers have no budget in money; {FORM}"));
        }
        Ok(Self { scope, name: name.name, spent: amount.parse().map_err(|cause| format!("{cause}"))? })
    }
}

impl Spending {
    /// The principal in a bundle.
    pub(crate) fn resolve(
        &self,
        namespace: &Name,
        bundle: &Bundle,
    ) -> miette::Result<((Scope, QualifiedName), NanoUsd)> {
        Ok((resolve(self.scope, &self.name, namespace, bundle)?, self.spent))
    }
}

fn resolve(
    scope: Scope,
    name: &Name,
    namespace: &Name,
    bundle: &Bundle,
) -> miette::Result<(Scope, QualifiedName)> {
    let name = QualifiedName::new(namespace.clone(), name.clone());
    let known: Vec<&QualifiedName> = match scope {
        Scope::Provider | Scope::ProviderExternal => {
            bundle.providers.iter().map(|provider| &provider.name).collect()
        }
        Scope::Agent => bundle.agents.iter().map(|agent| &agent.name).collect(),
        Scope::AccessKey => bundle.access_keys.iter().map(|key| &key.name).collect(),
    };
    if !known.contains(&&name) {
        return Err(nobody(&format!("{scope} {name}"), known.into_iter()));
    }
    Ok((scope, name))
}

/// Whether the bundle has that principal; if not, who comes near.
pub(crate) fn known(who: &Who, world: &World) -> miette::Result<()> {
    if world.principals().any(|principal| principal == *who) {
        return Ok(());
    }
    let bundle = world.bundle();
    match who {
        Who::Agent(_) => Err(nobody(&who.to_string(), bundle.agents.iter().map(|agent| &agent.name))),
        Who::AccessKey(_) => Err(nobody(&who.to_string(), bundle.access_keys.iter().map(|key| &key.name))),
    }
}

fn nobody<'a>(who: &str, known: impl Iterator<Item = &'a QualifiedName>) -> miette::Report {
    let known: Vec<String> = known.take(12).map(ToString::to_string).collect();
    let help = if known.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    miette!(help = help, "there is no {who}")
}

/// Tokens, with underscores where people put them.
pub(crate) fn tokens(text: &str) -> Result<Tokens, String> {
    let digits = text.replace('_', "");
    digits.parse().map(Tokens).map_err(|_| format!("`{text}` is not a number of tokens, such as 4_000_000"))
}

/// An instant.
pub(crate) fn time(text: &str) -> Result<UnixSeconds, String> {
    let instant: jiff::Timestamp =
        text.parse().map_err(|_| format!("`{text}` is not a time, such as 2026-11-23T12:00:00Z"))?;
    Ok(UnixSeconds(instant.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_written_with_their_kind() {
        let standing: Standing = "external/anthropic=4_000_000".parse().expect("an account");
        assert_eq!((standing.scope, standing.tokens), (Scope::ProviderExternal, Tokens(4_000_000)));
        for wrong in ["anthropic=4", "provider/anthropic", "robot/x=1", "agent/x=-1", "agent/X Y=1"] {
            assert!(wrong.parse::<Standing>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn money_is_spent_by_principals() {
        let spending: Spending = "agent/coder=12.50".parse().expect("a principal");
        assert_eq!((spending.scope, spending.spent), (Scope::Agent, NanoUsd(12_500_000_000)));
        for wrong in ["agent/coder", "provider/a=1", "agent/coder=-1", "agent/coder=1e3", "agent/coder=.5"] {
            assert!(wrong.parse::<Spending>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_instants() {
        assert_eq!(time("2026-11-23T12:00:00Z"), Ok(UnixSeconds(1_795_435_200)));
        assert!(time("noon").is_err());
    }
}
