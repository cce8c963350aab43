//! What the skep command does, as functions that return data: runs over captures, reports, inspection.
