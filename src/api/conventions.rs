//! The conventions of the API, checked over the generated definitions.
