"""SinGAN (Shaham, Dekel, Michaeli 2019): its scales, networks, training and sampling."""
