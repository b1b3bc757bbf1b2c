//! The gateway that an administrator is logged in to, for commands that look at a gateway or at a folder.
//!
//! Which one is meant: what is named in the command, first of all (`--context`, `--url`, `--state`, a workspace); else the
//! context in use, if it is an administrator's; else the folder around. Where a context decides, a line says so.

use clap::Args;
use miette::miette;
use pai_bundle::{Bundle, codec};
use pai_compiler::deployed;
use pai_compiler::resources::Resource;
use pai_runtime::token::TokenKind;
use secrecy::SecretString;

use crate::context::{Context, ContextError, Contexts, kind_in_words};
use crate::operator::Operator;
use crate::terminal;

/// Which context is meant.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The gateway of this context, which an administrator logged in to [default: the context in use, if it is one].
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
}

/// Whether the command names something on this machine, or a gateway by its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Yes,
    No,
}

impl Named {
    pub(crate) fn when(is_named: bool) -> Self {
        if is_named { Self::Yes } else { Self::No }
    }
}

/// A gateway elsewhere, and the name of its context.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) operator: Operator,
    pub(crate) context: String,
}

impl Remote {
    /// The gateway of a context; `None` where the command is about this machine.
    pub(crate) fn gateway(&self, named: Named) -> miette::Result<Option<Gateway>> {
        if let Some(name) = &self.context {
            if named == Named::Yes {
                return Err(miette!(
                    help = "leave one of them away",
                    "--context names one place, and the rest of the command another"
                ));
            }
            let contexts = Contexts::load()?;
            return Ok(Some(of(contexts.get(Some(name))?, None)?));
        }
        if named == Named::Yes {
            return Ok(None);
        }
        let contexts = match Contexts::load() {
            // Nobody can have logged in where there is nothing to read.
            Err(ContextError::NoHome | ContextError::Unreadable { .. }) => return Ok(None),
            other => other?,
        };
        let wanted = std::env::var("PAI_CONTEXT").ok().filter(|name| !name.is_empty());
        let context = match &wanted {
            Some(name) => Some(contexts.get(Some(name))?),
            None => contexts.current(),
        };
        let context = context.filter(|context| context.credential.kind() == TokenKind::Admin);
        context.map(|context| of(context, Some("`--workspace .` is about the folder here"))).transpose()
    }
}

fn of(context: &Context, hint: Option<&str>) -> miette::Result<Gateway> {
    let kind = context.credential.kind();
    if kind != TokenKind::Admin {
        return Err(miette!(
            help = "log in at its admin address with a token of `pai admin-token create`",
            "context `{}` has an {}, which shows nothing of a gateway",
            context.name,
            kind_in_words(kind)
        ));
    }
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    terminal::say(&format!("gateway {} (context {}){hint}", context.address, context.name));
    let token = SecretString::from(context.credential.reveal().to_owned());
    Ok(Gateway {
        operator: Operator::new(&context.address.to_string(), Some(token)),
        context: context.name.clone(),
    })
}

impl Gateway {
    /// What it serves, as manifests. A place is that in the workspace that the bundle was built from, with the context
    /// before it, so that it is never taken for a file that is here.
    pub(crate) fn resources(&self) -> miette::Result<Vec<Resource>> {
        let mut all = deployed::resources(&self.bundle()?);
        for resource in &mut all {
            resource.origin.file = format!("{}:{}", self.context, resource.origin.file);
        }
        Ok(all)
    }

    /// The bundle that it serves.
    fn bundle(&self) -> miette::Result<Bundle> {
        let bytes = self.operator.get("/bundle")?;
        let (bundle, _) = codec::decode(&bytes)
            .map_err(|cause| miette!("the bundle of {} cannot be read: {cause}", self.operator.url()))?;
        Ok(bundle)
    }
}
