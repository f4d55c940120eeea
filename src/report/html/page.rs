//! The document around the sections.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::charts::{self, Chart};
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
    /// Empty: the page runs no script at all.
    pub(super) charts: Vec<Chart>,
}

impl Page {
    pub(super) fn render(&self) -> String {
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy(&self.styles(), &self.scripts()));
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    meta name="robots" content="noindex";
                    title { (printable(&self.title)) }
                    // No request for an icon either.
                    link rel="icon" href="data:,";
                    @for style in self.styles() { style { (PreEscaped(style)) } }
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
                    @if !self.charts.is_empty() {
                        (charts::data(&self.charts))
                        @for script in self.scripts() { script { (PreEscaped(script)) } }
                    }
                }
            }
        };
        document.into_string()
    }

    fn styles(&self) -> Vec<&'static str> {
        if self.charts.is_empty() { vec![STYLE] } else { vec![charts::LIBRARY_STYLE, STYLE] }
    }

    fn scripts(&self) -> Vec<&'static str> {
        if self.charts.is_empty() { Vec::new() } else { vec![charts::LANGUAGE, charts::LIBRARY, charts::SCRIPT] }
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

/// Nothing is loaded and nothing is sent; of styles and scripts only the page's own, named by their digests.
fn policy(styles: &[&str], scripts: &[&str]) -> String {
    let digest = |text: &&str| format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    let sources = |texts: &[&str]| texts.iter().map(digest).collect::<Vec<_>>().concat();
    let scripts = if scripts.is_empty() { String::new() } else { format!("; script-src{}", sources(scripts)) };
    format!(
        "default-src 'none'; img-src data:; style-src{}{scripts}; base-uri 'none'; form-action 'none'",
        sources(styles)
    )
}
