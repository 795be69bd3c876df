package trommel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if err := loadForTests(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func foxAndTime(t testing.TB) *Rules {
	t.Helper()
	rules, err := Compile([]Pattern{
		{Bytes: []byte("fox"), ID: 7, Flags: Literal | Caseless},
		{Bytes: []byte("[0-9]+:[0-9]+"), ID: 8},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rules.Close)
	return rules
}

func cpuEngine(t testing.TB, options Options) *Engine {
	t.Helper()
	options.Processor = CPU
	engine, err := NewEngine(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	if err := engine.Load(0, foxAndTime(t)); err != nil {
		t.Fatal(err)
	}
	return engine
}

var text = []byte("a fox met another FOX at 10:42")
var wanted = []Match{{Start: 2, End: 5, RuleID: 7}, {Start: 18, End: 21, RuleID: 7}, {Start: 25, End: 30, RuleID: 8}}

func same(a, b []Match) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Start != b[i].Start || a[i].End != b[i].End || a[i].RuleID != b[i].RuleID {
			return false
		}
	}
	return true
}

func TestScan(t *testing.T) {
	rules, engine := foxAndTime(t), cpuEngine(t, Options{})
	for name, scan := range map[string]func([]byte) ([]Match, error){
		"rules":  rules.Scan,
		"engine": func(data []byte) ([]Match, error) { return engine.Scan(0, data) },
	} {
		if got, err := scan(text); err != nil || !same(got, wanted) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if got, err := scan(nil); err != nil || len(got) != 0 {
			t.Errorf("%s of nothing: %v, %v", name, got, err)
		}
		many := bytes.Repeat([]byte("fox "), 1000)
		if got, err := scan(many); err != nil || len(got) != 1000 {
			t.Errorf("%s of many: %d, %v", name, len(got), err)
		}
	}
}

func TestEveryErrorOfASetIsTold(t *testing.T) {
	_, err := Compile([]Pattern{{Bytes: []byte("a(")}, {Bytes: []byte("fine")}, {Bytes: []byte("x**)"), ID: 9}}, nil)
	var all CompileError
	if !errors.As(err, &all) || len(all) != 2 || all[0].Pattern != 0 || all[1].Pattern != 2 || all[1].PatternID != 9 {
		t.Fatalf("%#v", err)
	}
	if !errors.Is(err, BadPattern) || all[0].Message == "" {
		t.Fatal(err)
	}
}

func TestSerialize(t *testing.T) {
	saved, err := foxAndTime(t).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Deserialize(saved)
	if err != nil {
		t.Fatal(err)
	}
	defer rules.Close()
	if got, err := rules.Scan(text); err != nil || !same(got, wanted) {
		t.Error(got, err)
	}
	for _, damaged := range [][]byte{nil, saved[:len(saved)/2], append([]byte{1}, saved...)} {
		if _, err := Deserialize(damaged); !errors.Is(err, BadFormat) && !errors.Is(err, Null) {
			t.Error("damaged rules:", err)
		}
	}
}

// Every goroutine has a handle of its own, a ring that is far too small, and sees each of its items once.
func TestStream(t *testing.T) {
	engine := cpuEngine(t, Options{RingSize: 64, ArenaBytes: 1 << 16})
	var group sync.WaitGroup
	for g := 0; g < 4; g++ {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := stream(engine, 5000); err != nil {
				t.Error(err)
			}
		}()
	}
	group.Wait()
	if n := engine.InFlight(); n != 0 {
		t.Error("in flight:", n)
	}
}

func stream(engine *Engine, items uint32) error {
	handle, err := engine.Attach()
	if err != nil {
		return err
	}
	defer handle.Close()
	var batch Batch
	var results Results
	seen := make([]bool, items)
	for next, left := uint32(0), items; left > 0; {
		for ; next < items && batch.Len() < 100; next++ {
			data := text
			if next%3 == 0 {
				data = nil
			}
			if err := batch.Add(0, next, data); err != nil {
				return err
			}
		}
		if _, err := handle.Submit(&batch); err != nil {
			return err
		}
		if err := handle.Collect(&results, time.Millisecond); err != nil {
			return err
		}
		for i, item := range results.Items {
			want := wanted
			if item.Correlation%3 == 0 {
				want = nil
			}
			if seen[item.Correlation] || item.Status != OK || !same(results.Of(i), want) || item.MatchCount != uint64(len(want)) {
				return fmt.Errorf("item %+v: %v", item, results.Of(i))
			}
			seen[item.Correlation] = true
			left--
		}
	}
	return nil
}

func TestAnswersThatAreNoErrors(t *testing.T) {
	engine := cpuEngine(t, Options{RingSize: 1})
	var results Results
	if err := engine.Collect(&results, 0); err != nil || len(results.Items) != 0 {
		t.Error(results, err)
	}
	var batch Batch
	_ = batch.Add(5, 0, text)
	if _, err := engine.Submit(&batch); !errors.Is(err, NoRules) || batch.Len() != 1 {
		t.Error("an item without rules:", err, batch.Len())
	}
	batch.Reset()
	if err := engine.CloseFor(Forever); err != nil {
		t.Error(err)
	}
	if err := engine.Collect(&results, Forever); !errors.Is(err, Closed) {
		t.Error("collecting from a closed engine:", err)
	}
	if _, err := NewEngine(Options{RingSize: 3}); !errors.Is(err, Invalid) {
		t.Error("a ring of 3:", err)
	}
}

// One item an operation, in batches of 256.
func BenchmarkBatch(b *testing.B) {
	engine := cpuEngine(b, Options{})
	data := bytes.Repeat([]byte("0123456789abcde "), 16)
	var batch Batch
	var results Results
	b.SetBytes(int64(len(data)))
	b.ResetTimer()
	for next, left := 0, b.N; left > 0; {
		for ; next < b.N && batch.Len() < 256; next++ {
			_ = batch.Add(0, uint32(next), data)
		}
		if _, err := engine.Submit(&batch); err != nil {
			b.Fatal(err)
		}
		if err := engine.Collect(&results, 0); err != nil {
			b.Fatal(err)
		}
		left -= len(results.Items)
	}
}
