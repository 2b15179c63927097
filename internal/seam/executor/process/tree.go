package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	tokenName  = "RONDO_JOB="
	maxEnviron = 1 << 20
)

// identity is a process that cannot be mistaken for a later one of the same number.
type identity struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // field 22 of /proc/PID/stat: clock ticks since boot
	Boot  string `json:"boot"`  // the kernel's boot id
}

func identify(pid int) identity {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return identity{PID: pid, Start: startTime(pid), Boot: strings.TrimSpace(string(boot))}
}

// lives says whether this very process is there.
func (i identity) lives() bool {
	return i.PID > 0 && i.Start != "" && i == identify(i.PID)
}

// startTime is "" where there is no such process.
func startTime(pid int) string {
	b, err := os.ReadFile(proc(pid, "stat"))
	if err != nil {
		return ""
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]) // the name may hold anything; state is field 3
	if len(fields) < 20 {
		return ""
	}
	return string(fields[19])
}

func proc(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

// carrier is a process that carries a job's token.
type carrier struct {
	pid    int
	folder string
}

// kill kills the process if it still is the carrier, and waits for its end: the pidfd holds on to it while its environment
// is read again.
func (c carrier) kill() {
	fd, err := unix.PidfdOpen(c.pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if tokenOf(c.pid) == c.folder {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		// Its environment is gone before it is; the pidfd is readable when it has ended.
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(killAnswer.Milliseconds()))
	}
}

// carriers are all processes of jobs whose folder is below dir.
func carriers(dir string) []carrier {
	var found []carrier
	for _, name := range names("/proc") {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if folder := tokenOf(pid); strings.HasPrefix(folder, dir+string(filepath.Separator)) {
			found = append(found, carrier{pid, folder})
		}
	}
	return found
}

func carriersOf(f folder) []carrier {
	var found []carrier
	for _, c := range carriers(filepath.Dir(f.path)) {
		if c.folder == f.path {
			found = append(found, c)
		}
	}
	return found
}

// tokenOf is the job folder that a process carries, or "". The environment of a zombie is empty.
func tokenOf(pid int) string {
	file, err := os.Open(proc(pid, "environ"))
	if err != nil {
		return ""
	}
	defer file.Close()
	// The token comes first in what we start; a shell may have sorted its children's.
	b := make([]byte, 0, 4096)
	for len(b) < maxEnviron {
		if len(b) == cap(b) {
			b = append(b, make([]byte, len(b))...)[:len(b)]
		}
		n, err := file.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if token, ok := findToken(b); ok {
			return token
		}
		if err != nil || n == 0 {
			break
		}
	}
	return ""
}

func findToken(environ []byte) (string, bool) {
	for len(environ) > 0 {
		entry, rest, whole := bytes.Cut(environ, []byte{0})
		if whole && bytes.HasPrefix(entry, []byte(tokenName)) {
			return string(entry[len(tokenName):]), true
		}
		environ = rest
	}
	return "", false
}

// descendants are the processes below pid. A kernel without CONFIG_PROC_CHILDREN shows none.
func descendants(pid int) []int {
	var found []int
	next := []int{pid}
	for len(next) > 0 && len(found) < 1<<16 {
		threads := proc(next[0], "task")
		next = next[1:]
		for _, thread := range names(threads) {
			b, _ := os.ReadFile(threads + "/" + thread + "/children")
			for _, field := range bytes.Fields(b) {
				if child, err := strconv.Atoi(string(field)); err == nil {
					found, next = append(found, child), append(next, child)
				}
			}
		}
	}
	return found
}

// names are the entries of a folder; none when it is gone.
func names(dir string) []string {
	file, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer file.Close()
	found, _ := file.Readdirnames(-1)
	return found
}

// memoryOf is what these processes hold in bytes: anonymous, shared and swapped memory, but no mapped files.
func memoryOf(pids []int) int64 {
	var total int64
	for _, pid := range pids {
		b, err := os.ReadFile(proc(pid, "status"))
		if err != nil {
			continue // it is gone
		}
		for line := range bytes.Lines(b) {
			name, value, _ := bytes.Cut(line, []byte{':'})
			switch string(name) {
			case "RssAnon", "RssShmem", "VmSwap":
				kib, _, _ := strings.Cut(strings.TrimSpace(string(value)), " ")
				n, _ := strconv.ParseInt(kib, 10, 64)
				total += n << 10
			}
		}
	}
	return total
}
