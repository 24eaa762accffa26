"""Programs made from programs, and analyses of them."""
