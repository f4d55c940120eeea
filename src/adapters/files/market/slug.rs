//! Ids made from names, for files that have none.

/// The longest slug, so that a suffix still fits into an id.
const MAX_SLUG: usize = 48;

/// A name as an asset id: lower case, every run of other characters one `-`. `None` when nothing is left.
#[must_use]
pub fn asset_slug(name: &str) -> Option<String> {
    slug(name)
}

/// A category's name as its id: `Layer 1 (L1)` is `layer-1-l1`.
#[must_use]
pub fn category_slug(name: &str) -> Option<String> {
    slug(name)
}

fn slug(name: &str) -> Option<String> {
    let mut slug = String::new();
    for character in name.chars() {
        if slug.len() >= MAX_SLUG {
            break;
        }
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_ids() {
        let cases = [
            ("Bitcoin", Some("bitcoin")),
            ("yearn.finance", Some("yearn-finance")),
            ("Layer 1 (L1)", Some("layer-1-l1")),
            ("Fenerbahçe Token", Some("fenerbah-e-token")),
            ("$ALPHA", Some("alpha")),
            ("\u{3000}", None),
            ("███", None),
        ];
        for (name, expected) in cases {
            assert_eq!(asset_slug(name).as_deref(), expected, "{name}");
        }
    }
}
