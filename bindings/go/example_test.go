package trommel_test

import (
	"fmt"
	"log"

	"trommel"
)

func Example() {
	rules, err := trommel.Compile([]trommel.Pattern{
		{Bytes: []byte("fox"), ID: 7, Flags: trommel.Literal | trommel.Caseless},
		{Bytes: []byte("[0-9]+:[0-9]+"), ID: 8},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer rules.Close()
	engine, err := trommel.NewEngine(trommel.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	if err := engine.Load(0, rules); err != nil {
		log.Fatal(err)
	}

	// One text.
	matches, err := engine.Scan(0, []byte("a fox met another FOX at 10:42"))
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range matches {
		fmt.Printf("rule %d at %d to %d\n", m.RuleID, m.Start, m.End)
	}

	// Many texts: gathered, handed in by one call, collected by one call.
	var batch trommel.Batch
	for i, text := range []string{"no animals here", "a fox"} {
		if err := batch.Add(0, uint32(i), []byte(text)); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := engine.Submit(&batch); err != nil {
		log.Fatal(err)
	}
	found := map[uint32]int{}
	var results trommel.Results
	for left := 2; left > 0; left -= len(results.Items) {
		if err := engine.Collect(&results, trommel.Forever); err != nil {
			log.Fatal(err)
		}
		for i, item := range results.Items {
			found[item.Correlation] = len(results.Of(i))
		}
	}
	fmt.Println(found)
	// Output:
	// rule 7 at 2 to 5
	// rule 7 at 18 to 21
	// rule 8 at 25 to 30
	// map[0:0 1:1]
}
