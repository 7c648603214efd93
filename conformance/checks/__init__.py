"""The checks: properties of the requirements, one module per area of `conformance/spec`."""
