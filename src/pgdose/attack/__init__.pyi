from pgdose.attack.settings import make as make
