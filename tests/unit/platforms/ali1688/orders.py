"""The order that the tests ask for."""

ORDER = "2938624554509662977"
