//! The key under which spellings of one name are one: the host's own (H-6 of docs/names.md), so that what a policy reserves and
//! what the host holds to be taken are compared alike. A key is never a name.

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_locale_core::LanguageIdentifier;
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_normalization::UnicodeNormalization;

/// NFKC(fold(upper(fold(NFKC(text))))) without default-ignorable code points.
pub fn fold_key(text: &str) -> String {
    const CASE: CaseMapperBorrowed<'static> = CaseMapper::new();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let normal: String = text.nfkc().collect();
    let folded = CASE.fold_string(&normal);
    let upper = CASE.uppercase_to_string(&folded, &LanguageIdentifier::UNKNOWN);
    let folded = CASE.fold_string(&upper);
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    folded.nfkc().filter(|c| !ignorable.contains(*c)).collect()
}
