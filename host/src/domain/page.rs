//! A part of a list that may be too long to be had at once.
//! Refuses to count what follows: it says where the next part begins, or that there is none.

/// Items in the list's order, and where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, K> {
    /// What is on this page.
    pub items: Vec<T>,
    /// The last item that was looked at, if there may be more behind it.
    pub next: Option<K>,
}

impl<T, K> Page<T, K> {
    /// The same page of something else.
    pub fn map<U, E>(self, each: impl FnMut(T) -> Result<U, E>) -> Result<Page<U, K>, E> {
        let items = self.items.into_iter().map(each).collect::<Result<_, _>>()?;
        Ok(Page { items, next: self.next })
    }
}
