"""What may be asked, one module per noun."""
