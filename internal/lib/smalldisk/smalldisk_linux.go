package smalldisk

import (
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
)

const marker = "RONDO_SMALLDISK"

// Enter runs the calling test again on a small disk. In the second run it returns the disk's folder and true; in the
// first it has run the second, failed as that failed, and returns false.
func Enter(t *testing.T, size string) (dir string, inside bool) {
	t.Helper()
	if os.Getenv(marker) != "" {
		return mount(t, size), true
	}
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	probe := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	probe.SysProcAttr = attr
	if err := probe.Run(); err != nil {
		t.Logf("no mount namespace is to be had here: %v", err)
		return "", false
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+regexp.QuoteMeta(t.Name())+"$")
	again.SysProcAttr = attr
	again.Env = append(os.Environ(), marker+"=1")
	out, err := again.CombinedOutput()
	if err != nil {
		t.Errorf("on a small disk: %v\n%s", err, out)
	}
	return "", false
}

func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("make mounts private: %v", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a disk of %s: %v", size, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}
