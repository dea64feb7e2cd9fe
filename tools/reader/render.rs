//! Pages as a browser shows them, once their scripts have run.

use async_trait::async_trait;
use url::Url;

use crate::ToolError;

/// A page after its scripts have run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Where the browser was in the end.
    pub url: Url,
    /// The document, as HTML.
    pub html: String,
}

/// Shows pages, such as a browser without a screen.
#[async_trait]
pub trait Render: Send + Sync {
    /// The page at an address that the guard has let through; whatever else the page
    /// asks for is for the implementation to check.
    ///
    /// # Errors
    /// [`ToolError::Transient`] when the page did not come, [`ToolError::User`] when
    /// there is no browser or it may not go there.
    async fn render(&self, url: &Url) -> Result<Rendered, ToolError>;
}
