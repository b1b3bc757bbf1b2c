//! Which resources are meant: `KIND NAME NAME` or `KIND/NAME KIND/NAME`, and what is said of names that are not there.

use miette::miette;
use pai_bundle::name::Name;
use pai_compiler::diagnostic::nearest;
use pai_compiler::resources::Resource;

use super::kinds::{self, Kind};

/// The kind and the names; none where only a kind was given.
pub(in crate::command) fn wanted<'a>(
    first: &'a str,
    others: &'a [String],
) -> miette::Result<(&'static Kind, Vec<&'a str>)> {
    let Some((kind, name)) = first.split_once('/') else {
        if let Some(other) = others.iter().find(|name| name.contains('/')) {
            return Err(miette!("`{other}`: write KIND NAME NAME, or KIND/NAME for each"));
        }
        return Ok((kinds::find(first)?, others.iter().map(String::as_str).collect()));
    };
    let kind = kinds::find(kind)?;
    let mut names = vec![name];
    for other in others {
        match other.split_once('/') {
            Some((of, name)) if std::ptr::eq(kinds::find(of)?, kind) => names.push(name),
            Some(_) => return Err(miette!("`{other}`: ask for one kind at a time")),
            None => return Err(miette!("`{other}`: write KIND NAME NAME, or KIND/NAME for each")),
        }
    }
    Ok((kind, names))
}

/// The resources of these names, in their order; an error where one is not there, or none was named.
pub(in crate::command) fn all<'a>(
    kind: &Kind,
    names: &[&str],
    namespace: &Name,
    resources: &'a [Resource],
) -> miette::Result<Vec<&'a Resource>> {
    if names.is_empty() {
        return Err(miette!("say which: KIND NAME, or KIND/NAME; `pai get {}` lists them", kind.plural));
    }
    let of_kind: Vec<&Resource> = resources.iter().filter(|resource| resource.kind == kind.of).collect();
    let mut found = Vec::new();
    for name in names {
        let is_it = |resource: &&&Resource| {
            resource.name.name.as_str() == *name && resource.name.namespace == *namespace
        };
        match of_kind.iter().find(is_it) {
            Some(resource) => found.push(*resource),
            None => return Err(miette!("{}", not_found(kind, name, namespace, &of_kind))),
        }
    }
    Ok(found)
}

/// Where it may be instead: under another name, or in another namespace.
pub(in crate::command) fn not_found(
    kind: &Kind,
    name: &str,
    namespace: &Name,
    of_kind: &[&Resource],
) -> String {
    let elsewhere = of_kind.iter().find(|resource| resource.name.name.as_str() == name);
    let here = of_kind.iter().filter(|resource| resource.name.namespace == *namespace);
    let hint = match elsewhere {
        Some(other) => Some(format!("there is one in `{0}`: -n {0}", other.name.namespace)),
        None => nearest::suggest(
            name,
            here.map(|resource| resource.name.name.as_str()),
            &format!("the {} are", kind.plural),
        ),
    };
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("there is no {} `{name}` in namespace `{namespace}`{hint}", kind.of.slug())
}
