"""The honest simplest fast pipeline, without a framework: what the product's figures are compared with."""
