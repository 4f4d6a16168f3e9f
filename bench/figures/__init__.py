"""The figures: one module each, with a function `rows` that measures it. `bench.__main__` names them."""
