//! What a file says, as tokens: its paths with `use` trees spread out, its words, its floating-point literals and
//! its attributes. Items under `#[cfg(test)]` are left out of all of them.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::Source;

/// A name used in the file, such as `std::collections::BTreeMap`; one of a `use` tree's leaves, or written inline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePath {
    /// `*` for a glob.
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// How many inline modules enclose it: `super` counts these first.
    pub(crate) inline_modules: usize,
    /// From a `use` declaration.
    pub(crate) imported: bool,
}

impl NamePath {
    pub(crate) fn text(&self) -> String {
        self.segments.join("::")
    }
    pub(crate) fn first(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) line: usize,
    /// Followed by `!`, so the name of a macro.
    pub(crate) is_macro: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    /// Without spaces: `expect(clippy::panic,reason="…")`.
    pub(crate) text: String,
    pub(crate) line: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) paths: Vec<NamePath>,
    pub(crate) words: Vec<Word>,
    pub(crate) floats: Vec<Word>,
    pub(crate) attributes: Vec<Attribute>,
    /// Names of `#[cfg(test)] mod name;`: their files are tests, although nothing in them says so.
    pub(crate) test_modules: Vec<String>,
}

pub(crate) fn read(source: &Source) -> Tokens {
    let stream: TokenStream =
        source.text.parse().unwrap_or_else(|error| panic!("{}: does not lex as Rust: {error}", source.path));
    let mut tokens = Tokens::default();
    walk(stream, 0, &mut tokens);
    tokens
}

fn walk(stream: TokenStream, inline_modules: usize, out: &mut Tokens) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        if let Some((attribute, next)) = attribute_at(&trees, at) {
            if is_test_only(&attribute) {
                at = end_of_item(&trees, next);
                out.test_modules.extend(declared_module(&trees[next..at]));
                continue;
            }
            note_attribute(&attribute, inline_modules, out);
            at = next;
            continue;
        }
        match &trees[at] {
            TokenTree::Ident(ident) if *ident == "use" && !is_punct(trees.get(at + 1), '<') => {
                let end = position_of_semicolon(&trees, at);
                let leaves = use_leaves(&trees[at + 1..end]);
                for (segments, line) in leaves {
                    out.words.extend(segments.iter().map(|text| Word { text: text.clone(), line, is_macro: false }));
                    out.paths.push(NamePath { segments, line, inline_modules, imported: true });
                }
                at = end + 1;
            }
            TokenTree::Ident(_) => at = note_path(&trees, at, inline_modules, out),
            TokenTree::Group(group) => {
                let deeper = usize::from(opens_module(&trees, at));
                walk(group.stream(), inline_modules + deeper, out);
                at += 1;
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if is_float(&text) && !is_tuple_index(&trees, at) {
                    out.floats.push(Word { text, line: literal.span().start().line, is_macro: false });
                }
                at += 1;
            }
            TokenTree::Punct(_) => at += 1,
        }
    }
}

/// Notes the path that starts at an identifier, and each of its words; answers where it ends.
fn note_path(trees: &[TokenTree], start: usize, inline_modules: usize, out: &mut Tokens) -> usize {
    let mut segments = Vec::new();
    let mut at = start;
    while let Some(TokenTree::Ident(ident)) = trees.get(at) {
        let is_macro = is_punct(trees.get(at + 1), '!') && !is_punct(trees.get(at + 2), '=');
        out.words.push(Word { text: ident.to_string(), line: ident.span().start().line, is_macro });
        segments.push(ident.to_string());
        at += 1;
        if !is_path_separator(trees, at) {
            break;
        }
        at += 2;
    }
    let line = trees[start].span().start().line;
    out.paths.push(NamePath { segments, line, inline_modules, imported: false });
    at
}

fn note_attribute(group: &Group, inline_modules: usize, out: &mut Tokens) {
    let text: String = group.stream().to_string().chars().filter(|letter| !letter.is_whitespace()).collect();
    let is_doc = text.starts_with("doc=");
    out.attributes.push(Attribute { text, line: group.span().start().line });
    if !is_doc {
        walk(group.stream(), inline_modules, out);
    }
}

/// An attribute at this place, outer or inner, and the place after it.
fn attribute_at(trees: &[TokenTree], at: usize) -> Option<(Group, usize)> {
    if !is_punct(trees.get(at), '#') {
        return None;
    }
    let after_bang = at + 1 + usize::from(is_punct(trees.get(at + 1), '!'));
    match trees.get(after_bang) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            Some((group.clone(), after_bang + 1))
        }
        _ => None,
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]` and `#[test]`; not `#[cfg(not(test))]` or `#[cfg(any(test, …))]`.
fn is_test_only(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().chars().filter(|letter| !letter.is_whitespace()).collect();
    text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// The place after the item that starts here, its other attributes included.
fn end_of_item(trees: &[TokenTree], mut at: usize) -> usize {
    while let Some((_, next)) = attribute_at(trees, at) {
        at = next;
    }
    let ends_at_semicolon_only = trees[at..]
        .iter()
        .take_while(|tree| !matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace))
        .any(|tree| matches!(tree, TokenTree::Ident(ident) if *ident == "use"));
    while let Some(tree) = trees.get(at) {
        at += 1;
        let is_body = matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if is_punct(Some(tree), ';') || (is_body && !ends_at_semicolon_only) {
            break;
        }
    }
    at
}

/// Is the group at this place the body of `mod name { … }`?
fn opens_module(trees: &[TokenTree], at: usize) -> bool {
    at >= 2
        && matches!(&trees[at], TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
        && matches!(&trees[at - 2], TokenTree::Ident(ident) if *ident == "mod")
}

/// The name in `mod name;`.
fn declared_module(item: &[TokenTree]) -> Option<String> {
    match item {
        [.., TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Punct(end)]
            if *keyword == "mod" && end.as_char() == ';' =>
        {
            Some(name.to_string())
        }
        _ => None,
    }
}

fn position_of_semicolon(trees: &[TokenTree], from: usize) -> usize {
    (from..trees.len()).find(|&at| is_punct(trees.get(at), ';')).unwrap_or(trees.len())
}

/// Spreads a `use` tree into the full path of each leaf. `a::{self, b as c, d::*}` gives `a`, `a::b`, `a::d::*`.
fn use_leaves(trees: &[TokenTree]) -> Vec<(Vec<String>, usize)> {
    let mut prefix: Vec<String> = Vec::new();
    let mut line = trees.first().map_or(0, |tree| tree.span().start().line);
    let mut renaming = false;
    for tree in trees {
        match tree {
            TokenTree::Ident(ident) if *ident == "as" => renaming = true,
            TokenTree::Ident(_) if renaming => {}
            TokenTree::Ident(ident) if *ident == "self" && !prefix.is_empty() => {}
            TokenTree::Ident(ident) => {
                prefix.push(ident.to_string());
                line = ident.span().start().line;
            }
            TokenTree::Punct(punct) if punct.as_char() == '*' => prefix.push("*".to_owned()),
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                return inner
                    .split(|tree| is_punct(Some(tree), ','))
                    .filter(|branch| !branch.is_empty())
                    .flat_map(|branch| {
                        let is_self = matches!(branch, [TokenTree::Ident(first), ..] if *first == "self");
                        let inner = if is_self { vec![(Vec::new(), line)] } else { use_leaves(branch) };
                        inner
                            .into_iter()
                            .map(|(rest, line)| ([prefix.clone(), rest].concat(), line))
                            .collect::<Vec<_>>()
                    })
                    .collect();
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    vec![(prefix, line)]
}

fn is_punct(tree: Option<&TokenTree>, wanted: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_path_separator(trees: &[TokenTree], at: usize) -> bool {
    is_punct(trees.get(at), ':')
        && is_punct(trees.get(at + 1), ':')
        && matches!(trees.get(at + 2), Some(TokenTree::Ident(_)))
}

/// `pair.0.1` lexes as if `0.1` were a number.
fn is_tuple_index(trees: &[TokenTree], at: usize) -> bool {
    at > 0 && is_punct(trees.get(at - 1), '.') && !(at > 1 && is_punct(trees.get(at - 2), '.'))
}

/// A number with a fraction, an exponent or a float suffix.
fn is_float(literal: &str) -> bool {
    let is_number = literal.starts_with(|first: char| first.is_ascii_digit());
    let is_other_base = ["0x", "0o", "0b"].iter().any(|prefix| literal.starts_with(prefix));
    let digits = literal.trim_end_matches("usize").trim_end_matches("isize");
    is_number && !is_other_base && digits.contains(['.', 'e', 'E', 'f'])
}

fn paths_of(text: &str) -> Vec<String> {
    read(&Source::snippet("src/x.rs", text)).paths.iter().map(NamePath::text).collect()
}

#[test]
fn use_trees_are_spread_out() {
    assert_eq!(
        paths_of("use a::{self, b as c, d::{e, f::*}}; pub use ::g::h;"),
        ["a", "a::b", "a::d::e", "a::d::f::*", "pub", "g::h"]
    );
}

#[test]
fn inline_paths_are_joined_and_found_in_macros() {
    assert!(paths_of("fn f() { vec![std::env::var(\"X\")]; }").contains(&"std::env::var".to_owned()));
}

#[test]
fn comments_strings_and_documentation_are_not_code() {
    let text = "/// std::env\n// std::env\n/* std::env */ const A: &str = \"std::env\"; //! x\n";
    assert!(!paths_of(text).iter().any(|path| path.starts_with("std")), "{:?}", paths_of(text));
}

#[test]
fn test_items_are_left_out_and_what_follows_them_is_not() {
    let text = "#[cfg(test)] #[path = \"x\"] mod tests { use a::b; } #[cfg(test)] use c::{d}; #[test] fn t() { e::f() } \
                #[cfg(not(test))] fn g() { h::i() }";
    let paths = paths_of(text);
    assert!(!paths.iter().any(|path| ["a::b", "c::d", "e::f"].contains(&path.as_str())), "{paths:?}");
    assert!(paths.contains(&"h::i".to_owned()), "{paths:?}");
}

#[test]
fn modules_of_tests_are_named() {
    let text =
        "#[cfg(test)] mod tests; #[cfg(test)] mod inline { fn f() {} } #[cfg(test)] pub(crate) mod sample; mod code;";
    assert_eq!(read(&Source::snippet("src/x.rs", text)).test_modules, ["tests", "sample"]);
}

#[test]
fn floats_are_told_from_integers() {
    for float in ["1.0", "1e5", "2f64", "1_000.5", "3f32", "1E-3"] {
        assert!(is_float(float), "{float}");
    }
    for other in ["1", "0xfe", "1_000", "7usize", "7isize", "\"1.0\"", "'1'", "0b1", "b'e'"] {
        assert!(!is_float(other), "{other}");
    }
}

#[test]
fn super_is_counted_from_inline_modules() {
    let tokens = read(&Source::snippet("src/x.rs", "mod inner { fn f() { super::g() } }"));
    let path = tokens.paths.iter().find(|path| path.text() == "super::g").expect("the path");
    assert_eq!(path.inline_modules, 1);
}
