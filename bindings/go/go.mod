module trommel

go 1.19
