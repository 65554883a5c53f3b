/// What can go wrong in this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// A key that is not 64 hexadecimal digits; the text itself is not repeated, as it may be most of a secret.
    #[error("a key of `{0}` characters is not 64 hexadecimal digits; copy the whole value from `trial.json`")]
    BadKey(usize),
    /// A picture that cannot be stored in the asked form.
    #[error("a JPEG of `{width}` x `{height}` pixels cannot be made; ask for 1 to 65535 on each side")]
    BadSize {
        /// Asked width in pixels.
        width: u32,
        /// Asked height in pixels.
        height: u32,
    },
}
