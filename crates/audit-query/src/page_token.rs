//! Page tokens: where the next page of a list begins, in a form that callers cannot read or forge.
