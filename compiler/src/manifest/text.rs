//! Text fields with a form: patterns for editors, each with the sentence that says what is wanted.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident { $($keyword:literal: $value:expr),* } says $says:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) struct $name;

            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn inline_schema() -> bool {
                    true
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "type": "string", $($keyword: $value,)* "patternErrorMessage": $says })
                }
            }
        )*
    };
}

/// Formats that the validator checks with code of ours, because no pattern says them well.
pub(crate) mod format {
    pub(crate) const CIDR: &str = "cidr";
    pub(crate) const ADDRESS: &str = "address";
    pub(crate) const MOMENT: &str = "moment";
    pub(crate) const HTTP_URL: &str = "http-url";
}

texts! {
    /// `metadata.name` of something.
    ResourceName { "pattern": "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", "maxLength": 253 }
        says "a name has lower-case letters, digits, `-` and `.`, and starts and ends with a letter or digit";
    /// `provider/model`.
    ModelReference { "pattern": "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[^\\s\\p{Cc}]+$" }
        says "write `provider/model` with the provider's metadata.name, as in `anthropic/claude-sonnet-4-6`";
    /// A model pattern.
    ModelPattern { "pattern": "^[^\\s\\p{Cc}]+$" }
        says "write a model id without spaces; `*` stands for any characters";
    /// A base URL.
    HttpUrl { "format": format::HTTP_URL }
        says "write a base URL with `https://` or `http://`, a host, and neither query nor password";
    /// An address range.
    Cidr { "format": format::CIDR }
        says "write an address range such as `10.0.0.0/8` or `2001:db8::/32`; one address is `192.0.2.1/32`";
    /// One address.
    Address { "format": format::ADDRESS }
        says "write an address such as `10.1.2.3` or `2001:db8::1`";
    /// A point in time.
    MomentText { "format": format::MOMENT }
        says "write a day such as `2027-01-31`, which is its start in UTC, or a time such as `2027-01-31T18:00:00Z`";
    /// The public id of a credential.
    CredentialId { "pattern": "^[0-9A-Za-z]{12}$" }
        says "a credential's id is 12 letters and digits; `pai access-key create` and `pai agent token create` make one";
    /// The digest of a credential.
    CredentialDigest { "pattern": "^hmac-sha256:[0-9a-f]{8}:[0-9a-f]{64}$" }
        says "a digest is `hmac-sha256:PEPPER:HEX` as pai makes it; never put the secret itself here";
    /// Text that may not be empty.
    NotEmpty { "minLength": 1 }
        says "it may not be empty";
}
