//! The document around the sections.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::figure::tone_class;
use crate::report::wording::{Tone, printable};

const STYLE: &str = include_str!("style.css");

/// One part of a page, with a title and a place in the list of contents.
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What there is to say of it in a few words.
    pub(super) remark: (Tone, String),
    pub(super) body: Markup,
}

impl Section {
    pub(super) fn new(id: &'static str, title: &'static str, remark: impl Into<String>, body: Markup) -> Self {
        Self { id, title, remark: (Tone::Faint, remark.into()), body }
    }

    pub(super) fn toned(mut self, tone: Tone) -> Self {
        self.remark.0 = tone;
        self
    }
}

pub(super) struct Page {
    /// For the browser's tab.
    pub(super) title: String,
    /// What stands above everything.
    pub(super) header: Markup,
    pub(super) sections: Vec<Section>,
    pub(super) footer: Markup,
}

impl Page {
    pub(super) fn render(&self) -> String {
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    meta name="robots" content="noindex";
                    title { (printable(&self.title)) }
                    // No request for an icon either.
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a .skip href="#content" { "Skip to the report" }
                    (self.header)
                    div .columns {
                        (self.contents())
                        main #content tabindex="-1" {
                            @for section in &self.sections { (rendered(section)) }
                        }
                    }
                    (self.footer)
                }
            }
        };
        document.into_string()
    }

    fn contents(&self) -> Markup {
        html! {
            nav aria-label="Contents" {
                ul {
                    @for section in &self.sections {
                        li { a href={ "#" (section.id) } { (section.title) } }
                    }
                }
            }
        }
    }
}

fn rendered(section: &Section) -> Markup {
    let (tone, remark) = &section.remark;
    let heading = format!("{}-title", section.id);
    html! {
        section #(section.id) aria-labelledby=(heading) {
            h2 #(heading) { (section.title) }
            @if !remark.is_empty() {
                p class={ "remark " (tone_class(*tone)) } { (printable(remark)) }
            }
            (section.body)
        }
    }
}

/// Nothing is loaded, nothing is run, nothing is sent; of styles only the page's own.
fn policy() -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
}
