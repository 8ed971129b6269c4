"""From a template to a VM: each part checked and filled in, in one transaction."""
