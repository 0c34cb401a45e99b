package image

import "context"

// Dnf returns an image whose packages are managed by dnf and rpm: Debian's programs underneath, but it has neither apt nor dpkg, says
// in os-release that it is of Red Hat's family, and its RPM database knows what RPMs need of their system.
func Dnf(ctx context.Context) (Image, error) {
	img, err := With(ctx, "dnf", "dnf-plugins-core", "rpm")
	if err != nil {
		return img, err
	}
	return img.extend(ctx, "", becomeRPM)
}

const becomeRPM = `
cd /tmp
cat > lab-release.spec <<end
Name: lab-release
Version: 9
Release: 1
Summary: what is there without a package
License: none
BuildArch: noarch
Provides: /bin/sh /usr/bin/sh /bin/bash /usr/bin/bash systemd system-release = 9 system-release(releasever) = 9
%description
lab-release
%install
mkdir -p %{buildroot}/etc
echo "Lab Linux release 9" > %{buildroot}/etc/redhat-release
cat > %{buildroot}/etc/os-release <<os
NAME="Lab Linux"
ID=lab
ID_LIKE="rhel centos fedora"
VERSION="9"
VERSION_ID="9"
PLATFORM_ID="platform:el9"
PRETTY_NAME="Lab Linux 9"
os
%files
/etc/redhat-release
/etc/os-release
end
rpmbuild --quiet --define "_topdir /tmp/rpmbuild" -bb lab-release.spec
rm /etc/os-release
rpm --install --force-debian --nodeps rpmbuild/RPMS/noarch/lab-release-9-1.noarch.rpm
mkdir -p /etc/yum.repos.d /etc/pki/rpm-gpg
rm /usr/bin/apt /usr/bin/apt-* /usr/bin/dpkg /usr/bin/dpkg-*
rm -r /etc/apt
rm /usr/lib/python3/dist-packages/dnf-plugins/local.py # Debian enables it, no other distribution does
`
