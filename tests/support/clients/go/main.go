// Command client drives go-zookeeper against the server at os.Args[1], a section per case: a line
// "## NAME", then what was seen, without what differs between runs (times, zxids, session ids).
package main

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

const wait = 20 * time.Second

var (
	hosts = os.Args[1]
	open  = zk.WorldACL(zk.PermAll)
)

type quiet struct{}

func (quiet) Printf(string, ...interface{}) {}

func dial() (*zk.Conn, <-chan zk.Event) {
	conn, events, err := zk.Connect([]string{hosts}, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		panic(err)
	}
	for deadline := time.After(wait); ; {
		select {
		case event := <-events:
			if event.State == zk.StateHasSession {
				return conn, events
			}
		case <-deadline:
			panic("no session in time")
		}
	}
}

func show(words ...interface{}) { fmt.Println(words...) }

func facts(stat *zk.Stat) string {
	if stat == nil {
		return "no stat"
	}
	return fmt.Sprintf("version %d cversion %d aversion %d length %d children %d owned %v",
		stat.Version, stat.Cversion, stat.Aversion, stat.DataLength, stat.NumChildren,
		stat.EphemeralOwner != 0)
}

func next(events <-chan zk.Event) string {
	select {
	case event := <-events:
		return fmt.Sprintf("%v %v %s %v", event.Type, event.State, event.Path, event.Err)
	case <-time.After(wait):
		panic("no event in time")
	}
}

func sorted(names []string) []string {
	sort.Strings(names)
	return names
}

func operations(conn *zk.Conn) {
	show(conn.Create("/go", []byte("one"), 0, open))
	show(conn.Create("/go", nil, 0, open))
	show(conn.Create("/none/child", nil, 0, open))
	data, stat, err := conn.Get("/go")
	show(string(data), facts(stat), err)
	stat, err = conn.Set("/go", []byte("twotwo"), 0)
	show(facts(stat), err)
	_, err = conn.Set("/go", []byte("x"), 0)
	show(err, err == zk.ErrBadVersion)
	for i := 0; i < 3; i++ {
		show(conn.Create("/go/s-", nil, zk.FlagSequence, open))
	}
	show(conn.Create("/go/mine", nil, zk.FlagEphemeral, open))
	_, err = conn.Create("/go/mine/child", nil, 0, open)
	show(err)
	children, stat, err := conn.Children("/go")
	show(sorted(children), facts(stat), err)
	exists, stat, err := conn.Exists("/go/mine")
	show(exists, facts(stat), err)
	exists, _, err = conn.Exists("/go/none")
	show(exists, err)
	show(conn.Delete("/go", -1), conn.Delete("/go/mine", 3), conn.Delete("/go/mine", 0))
	show(conn.Delete("/go/none", -1))
	show(conn.Sync("/go"))
	show(conn.Create("//", nil, 0, open))
}

func kinds(conn *zk.Conn) {
	show(conn.CreateContainer("/gobox", []byte("box"), zk.FlagTTL, open))
	show(conn.CreateTTL("/gottl", []byte("ttl"), zk.FlagTTL, open, time.Hour))
	show(conn.CreateTTL("/gottl-", nil, zk.FlagTTL|zk.FlagSequence, open, time.Hour))
	for _, path := range []string{"/gobox", "/gottl"} {
		data, stat, err := conn.Get(path)
		show(string(data), facts(stat), err)
	}
	path, err := conn.CreateProtectedEphemeralSequential("/gobox/p-", nil, open)
	show(strings.HasPrefix(path, "/gobox/_c_"), strings.HasSuffix(path, "0000000000"), err)
}

func multis(conn *zk.Conn) {
	conn.Create("/gotx", []byte("0"), 0, open)
	responses, err := conn.Multi(
		&zk.CreateRequest{Path: "/gotx/a", Data: []byte("a"), Acl: open},
		&zk.SetDataRequest{Path: "/gotx", Data: []byte("1"), Version: 0},
		&zk.CheckVersionRequest{Path: "/gotx", Version: 1},
		&zk.DeleteRequest{Path: "/gotx/a", Version: -1},
	)
	for _, response := range responses {
		show(response.String, facts(response.Stat), response.Error)
	}
	show(err)
	responses, err = conn.Multi(
		&zk.CreateRequest{Path: "/gotx/b", Acl: open},
		&zk.CheckVersionRequest{Path: "/gotx", Version: 9},
		&zk.DeleteRequest{Path: "/gotx", Version: -1},
	)
	for _, response := range responses {
		show(response.String, facts(response.Stat), response.Error)
	}
	show(err)
	exists, _, err := conn.Exists("/gotx/b")
	show(exists, err)
}

func access(conn *zk.Conn) {
	other, _ := dial()
	defer other.Close()
	show(other.AddAuth("digest", []byte("ann:secret")))
	show(other.Create("/goacl", []byte("mine"), 0, zk.DigestACL(zk.PermAll, "ann", "secret")))
	_, _, err := conn.Get("/goacl")
	show(err, errors.Is(err, zk.ErrNoAuth))
	acl, stat, err := other.GetACL("/goacl")
	show(acl, facts(stat), err)
	stat, err = other.SetACL("/goacl", append(acl, zk.WorldACL(zk.PermRead)...), 0)
	show(facts(stat), err)
	acl, _, err = conn.GetACL("/goacl")
	show(acl, err)
	data, _, err := conn.Get("/goacl")
	show(string(data), err)
	_, err = conn.Set("/goacl", nil, -1)
	show(err)
	show(conn.Create("/gobad", nil, 0, zk.AuthACL(zk.PermAll)))
	show(conn.Create("/gobad", nil, 0, []zk.ACL{}))
}

func watches(conn *zk.Conn) {
	other, _ := dial()
	defer other.Close()
	conn.Create("/gowatch", nil, 0, open)
	_, _, data, _ := conn.GetW("/gowatch")
	_, _, children, _ := conn.ChildrenW("/gowatch")
	_, _, unborn, err := conn.ExistsW("/gowatch/new")
	show(err)
	other.Set("/gowatch", []byte("x"), -1)
	show(next(data))
	other.Create("/gowatch/new", nil, 0, open)
	show(next(unborn))
	show(next(children))
	_, _, gone, _ := conn.ExistsW("/gowatch/new")
	other.Delete("/gowatch/new", -1)
	show(next(gone))
}

func locks(conn *zk.Conn) {
	other, _ := dial()
	defer other.Close()
	first, second := zk.NewLock(conn, "/golock", open), zk.NewLock(other, "/golock", open)
	show(first.Lock(), first.Lock())
	var order []string
	var group sync.WaitGroup
	group.Add(1)
	go func() {
		defer group.Done()
		if err := second.Lock(); err != nil {
			panic(err)
		}
		order = append(order, "second")
	}()
	for {
		children, _, err := conn.Children("/golock")
		if err != nil || len(children) == 2 {
			break
		}
	}
	show(first.Unlock())
	group.Wait()
	show(order, second.Unlock(), second.Unlock())
}

func sessions(conn *zk.Conn) {
	other, _ := dial()
	other.Create("/gosession", nil, zk.FlagEphemeral, open)
	_, stat, _, _ := conn.ExistsW("/gosession")
	show(stat.EphemeralOwner == other.SessionID())
	_, _, gone, _ := conn.ExistsW("/gosession")
	other.Close()
	show(next(gone))
	show(conn.State(), conn.Server())
}

func burst(conn *zk.Conn) {
	conn.Create("/goburst", nil, 0, open)
	var group sync.WaitGroup
	var mutex sync.Mutex
	failures := 0
	for i := 0; i < 300; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			path := fmt.Sprintf("/goburst/%d", i)
			_, err := conn.Create(path, []byte(path), 0, open)
			data, _, failure := conn.Get(path)
			if err != nil || failure != nil || string(data) != path {
				mutex.Lock()
				failures++
				mutex.Unlock()
			}
		}(i)
	}
	group.Wait()
	_, stat, err := conn.Children("/goburst")
	show(failures, facts(stat), err)
}

func reconfig(conn *zk.Conn) {
	_, err := conn.IncrementalReconfig([]string{"server.2=localhost:1:2;3"}, nil, -1)
	show(err)
}

func words(*zk.Conn) {
	show(zk.FLWRuok([]string{hosts}, wait))
	clients, ok := zk.FLWCons([]string{hosts}, wait)
	show(ok, len(clients[0].Clients) > 0, clients[0].Error)
}

// Java 3.7 and newer answer in a form that this client cannot read.
func srvr(*zk.Conn) {
	stats, ok := zk.FLWSrvr([]string{hosts}, wait)
	show(ok, stats[0].Mode, stats[0].NodeCount > 0, stats[0].Connections > 0, stats[0].Error)
}

var cases = []struct {
	name string
	run  func(*zk.Conn)
}{
	{"operations", operations},
	{"kinds", kinds},
	{"multis", multis},
	{"access", access},
	{"watches", watches},
	{"locks", locks},
	{"sessions", sessions},
	{"burst", burst},
	{"reconfig", reconfig},
	{"words", words},
	{"srvr", srvr},
}

func main() {
	conn, _ := dial()
	defer conn.Close()
	for _, one := range cases {
		show("##", one.name)
		func() {
			defer func() {
				if problem := recover(); problem != nil {
					show("FAILED", problem)
				}
			}()
			one.run(conn)
		}()
	}
	show("## end")
}
