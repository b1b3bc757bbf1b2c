//! What a bundle means: the rules that every bundle starts from, and the one evaluator that gateway, `pai explain`
//! and `pai test` all ask, so that they cannot disagree.

pub mod vocabulary;
