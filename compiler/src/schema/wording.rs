//! What a validator's error means to the author of a manifest: words, the exact place, and the other field concerned.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::rules;
use super::validator::Checker;
use crate::diagnostic::Safety;
use crate::diagnostic::mask::{self, shown};
use crate::diagnostic::nearest::{list, nearest};
use crate::diagnostic::{Diagnostic, Rule};
use crate::source::Span;
use crate::source::tree::{Document, escape};

/// The findings of one error; several where it names several fields.
pub(super) fn diagnostics(
    error: &ValidationError<'_>,
    document: &Document,
    checker: &Checker,
) -> Vec<Diagnostic> {
    let at = At::new(error, document, checker);
    let one = match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            return unexpected.iter().map(|name| at.unknown_field(name)).collect();
        }
        Kind::Required { property } => at.missing(property.as_str().unwrap_or_default()),
        Kind::Type { kind } => at.wrong_type(kind, error.instance()),
        Kind::Enum { options } => {
            at.not_one_of(options.as_array().map_or(&[], Vec::as_slice), error.instance())
        }
        Kind::Constant { expected_value } => at.not_one_of(&[(**expected_value).clone()], error.instance()),
        Kind::FalseSchema => at.does_nothing(),
        Kind::Pattern { .. } | Kind::Format { .. } => at.wrong_form(error.instance()),
        Kind::MinProperties { limit } if *limit > 1 => at.out_of_range(&format!("needs {limit} fields")),
        Kind::MaxProperties { limit } => at.out_of_range(&format!("may have at most {limit} fields")),
        Kind::MinLength { .. } | Kind::MinItems { .. } | Kind::MinProperties { .. } => {
            at.out_of_range("may not be empty")
        }
        Kind::MaxLength { limit } => at.out_of_range(&format!("may have at most {limit} characters")),
        Kind::Minimum { limit } => at.out_of_range(&format!("must be at least {limit}")),
        Kind::ExclusiveMinimum { limit } => at.out_of_range(&format!("must be more than {limit}")),
        Kind::Maximum { limit } => at.out_of_range(&format!("must be at most {limit}")),
        _ => at.other(&error.masked().to_string()),
    };
    vec![one]
}

/// A leftover of reading the value into its type.
pub(super) fn unreadable(path: &str, why: &str, document: &Document, checker: &Checker) -> Diagnostic {
    let parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty() && *part != "?");
    let pointer = parts.fold(String::new(), |pointer, part| pointer + "/" + &escape(part));
    let field = field_name(&pointer, checker.whole());
    Diagnostic::new(
        &rules::UNREADABLE,
        document.span(&pointer),
        format!("the value of {field} cannot be used"),
    )
    // A number with a point passes the schema when nothing stands behind it.
    .label(if why.starts_with("invalid type: floating point") {
        "write it without a point".to_owned()
    } else {
        mask::text(why).into_owned()
    })
}

/// Where an error is, in the document and in the schema.
struct At<'a> {
    document: &'a Document,
    pointer: String,
    schema: &'a Value,
    /// What the document is.
    whole: &'static str,
    /// The schema object that has the keyword.
    rule: Option<&'a Value>,
    schema_path: String,
}

impl<'a> At<'a> {
    fn new(error: &ValidationError<'_>, document: &'a Document, checker: &'a Checker) -> Self {
        let schema = &checker.schema;
        let schema_path = error.schema_path().to_string();
        let parent = schema_path.rsplit_once('/').map_or("", |(parent, _)| parent);
        Self {
            document,
            pointer: error.instance_path().to_string(),
            schema,
            whole: checker.whole(),
            rule: schema.pointer(parent),
            schema_path,
        }
    }

    /// The place as people write it.
    fn field(&self) -> String {
        field_name(&self.pointer, self.whole)
    }

    fn value_span(&self) -> Span {
        self.document.span(&self.pointer)
    }

    fn finding(&self, rule: &'static Rule, span: Span, message: String) -> Diagnostic {
        let diagnostic = Diagnostic::new(rule, span, message);
        match self.condition() {
            Some((span, text)) => diagnostic.also(span, text),
            None => diagnostic,
        }
    }

    /// The field that an `if` looked at, where the error comes from a `then` or an `else`.
    fn condition(&self) -> Option<(Span, String)> {
        let cut = self.schema_path.find("/then/").or_else(|| self.schema_path.find("/else/"))?;
        let branch = self.schema.pointer(self.schema_path.get(..cut)?)?;
        let field = branch.get("if")?.get("properties")?.as_object()?.keys().next()?;
        // How far the error lies below the object that has the condition.
        let below = self.schema_path.get(cut..)?.matches("/properties/").count();
        let mut base = self.pointer.as_str();
        for _ in 0..below {
            base = base.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        let found = self.document.find(&format!("{base}/{field}"))?;
        let value = found.node.to_value();
        let value = value.as_str().map_or_else(|| format!("`{value}`"), shown);
        Some((found.node.span, format!("because this is {value}")))
    }

    fn unknown_field(&self, name: &str) -> Diagnostic {
        let pointer = format!("{}/{}", self.pointer, escape(name));
        let known = self.rule.and_then(|rule| rule.get("properties")).and_then(Value::as_object);
        let known: Vec<&str> =
            known.into_iter().flat_map(|fields| fields.keys().map(String::as_str)).collect();
        let message = format!("{} has no field {}", self.field(), shown(name));
        let diagnostic = Diagnostic::new(&rules::UNKNOWN_FIELD, self.document.key_span(&pointer), message);
        match nearest(name, known.iter().copied()) {
            Some(near) => {
                let diagnostic = diagnostic.label(format!("unknown field, did you mean `{near}`?"));
                // Where the right field is there too, two people wanted two things.
                match self.document.find(&format!("{}/{}", self.pointer, escape(near))) {
                    None => diagnostic.edit(self.document.key_span(&pointer), near, Safety::Safe),
                    Some(_) => diagnostic,
                }
            }
            None => diagnostic.label("unknown field").help(format!("the fields are: {}", list(&known))),
        }
    }

    fn missing(&self, property: &str) -> Diagnostic {
        let message = format!("{} lacks the field `{property}`", self.field());
        let span =
            if self.pointer.is_empty() { self.first_key() } else { self.document.key_span(&self.pointer) };
        self.finding(&rules::MISSING_FIELD, span, message)
            .label(format!("`{property}` is missing here"))
            .help(format!("add `{}`", example(property)))
    }

    fn first_key(&self) -> Span {
        self.document.find("/kind").and_then(|found| found.key).unwrap_or(self.document.root.span)
    }

    fn wrong_type(&self, wanted: &TypeKind, value: &Value) -> Diagnostic {
        let wanted = match wanted {
            TypeKind::Single(kind) => type_name(&kind.to_string()).to_owned(),
            TypeKind::Multiple(kinds) => {
                let names: Vec<String> =
                    kinds.iter().map(|kind| type_name(&kind.to_string()).to_owned()).collect();
                names.join(" or ")
            }
        };
        let (found, help) = match value {
            Value::Null => return self.without_value(&wanted),
            Value::Bool(_) => ("a truth value", None),
            Value::Number(_) if wanted == "text" => ("a number", Some("put quotes around it".to_owned())),
            Value::Number(_) if wanted == "an integer" => ("a fraction", None),
            Value::Number(_) => ("a number", None),
            Value::String(text) if wanted == "an integer" && text.parse::<u64>().is_ok() => {
                ("text", Some("remove the quotes".to_owned()))
            }
            Value::String(text) if wanted == "a list" => {
                ("text", Some(format!("write `[{}]`", mask::text(text))))
            }
            Value::String(_) if wanted == "a truth value" => {
                ("text", Some("write `true` or `false`".to_owned()))
            }
            Value::String(_) => ("text", None),
            Value::Array(_) => ("a list", None),
            Value::Object(_) => ("a mapping", None),
        };
        let message = format!("{} must be {wanted}, not {found}", self.field());
        self.finding(&rules::WRONG_TYPE, self.value_span(), message)
            .label(format!("this is {found}"))
            .maybe_help(help)
    }

    fn without_value(&self, wanted: &str) -> Diagnostic {
        let message = format!("{} has no value", self.field());
        self.finding(&rules::WRONG_TYPE, self.value_span(), message)
            .label(format!("wants {wanted}"))
            .help("give it a value, or remove the field")
    }

    fn not_one_of(&self, options: &[Value], value: &Value) -> Diagnostic {
        let options: Vec<String> = options
            .iter()
            .map(|option| option.as_str().map_or_else(|| option.to_string(), ToOwned::to_owned))
            .collect();
        let names: Vec<&str> = options.iter().map(String::as_str).collect();
        let field = self.field();
        let written = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let diagnostic = self.finding(
            &rules::NOT_ONE_OF,
            self.value_span(),
            format!("{field} cannot be {}", shown(&written)),
        );
        match names.as_slice() {
            [only] => {
                diagnostic.label(format!("must be `{only}`")).edit(self.value_span(), *only, Safety::Unsafe)
            }
            _ => diagnostic.label("not one of the allowed values").suggest(
                &written,
                names,
                "allowed are",
                Safety::Unsafe,
            ),
        }
    }

    fn does_nothing(&self) -> Diagnostic {
        let message = format!("{} has no effect here", self.field());
        self.finding(&rules::DOES_NOTHING, self.document.key_span(&self.pointer), message)
            .label("has no effect")
            .help("remove it")
    }

    fn wrong_form(&self, value: &Value) -> Diagnostic {
        let says = self.rule.and_then(|rule| rule.get("patternErrorMessage")).and_then(Value::as_str);
        let written = value.as_str().unwrap_or_default();
        let message = format!("{} cannot be {}", self.field(), shown(written));
        self.finding(&rules::WRONG_FORM, self.value_span(), message)
            .label("not in the form that is wanted")
            .maybe_help(says.map(ToOwned::to_owned))
    }

    fn out_of_range(&self, what: &str) -> Diagnostic {
        let message = format!("{} {what}", self.field());
        self.finding(&rules::OUT_OF_RANGE, self.value_span(), message).label(what)
    }

    fn other(&self, why: &str) -> Diagnostic {
        let message = format!("the value of {} cannot be used", self.field());
        self.finding(&rules::UNREADABLE, self.value_span(), message).label(why)
    }
}

/// A pointer as people write it: `spec.retry.maxAttempts`, `spec.models[0]`.
fn field_name(pointer: &str, whole: &str) -> String {
    let mut name = String::new();
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            name = format!("{name}[{part}]");
        } else {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    if name.is_empty() { whole.to_owned() } else { shown(&name) }
}

fn type_name(name: &str) -> &str {
    match name {
        "string" => "text",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "a truth value",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

/// The line to insert for a missing field.
fn example(field: &str) -> String {
    let value = match field {
        "metadata" => "{name: my-name}",
        "name" => "my-name",
        "provider" => "anthropic",
        "providers" => "[anthropic]",
        "models" => "[anthropic/claude-sonnet-4-6]",
        "apiKeySecretRef" => "{name: anthropic-key}",
        "endpoint" => "https://models.example.com/v1",
        "apiVersion" => "\"2024-10-21\"",
        "classifier" => "{type: rules}",
        "binding" => "my-guard",
        "scan" => "{prompts: true}",
        "enabled" => "true",
        "harness" => "custom",
        "image" => "registry.example.com/agent:1.0",
        "secretRef" => "{name: my-secret}",
        _ => "…",
    };
    format!("{field}: {value}")
}
