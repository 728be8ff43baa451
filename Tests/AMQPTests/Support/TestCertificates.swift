/// Certificates for tests, valid for a hundred years; the keys protect nothing.
///
/// Made with openssl: P-256, an authority, a server named localhost and 127.0.0.1, one named elsewhere.example.
enum TestCertificates {
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBizCCATGgAwIBAgIUX472tIvVW79S+3EqaR3rGjsdFbswCgYIKoZIzj0EAwIw
        EjEQMA4GA1UEAwwHdGVzdCBDQTAgFw0yNjExMjMwNjU5MjlaGA8yMTI2MTAzMDA2
        NTkyOVowEjEQMA4GA1UEAwwHdGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
        A0IABECMMFBXgnEYcMn1GMuPJH+/K6WmUAattIgnohG7FHTcmz2k2S8EjsutHflq
        WzU/3QOrXKILbQnyVCWAd6xvku2jYzBhMB0GA1UdDgQWBBTB6vycoBujooZu9WvK
        LA5ZHdfx/TAfBgNVHSMEGDAWgBTB6vycoBujooZu9WvKLA5ZHdfx/TAPBgNVHRMB
        Af8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNIADBFAiB+bY1R
        s29xjeBy+o1jovf7ORsPGvph34OQ7AOs4ac/uQIhAIsRcttMKkugnf/pmlhIZUgp
        aHOXU7AhfgaHTlupVW5e
        -----END CERTIFICATE-----
        """
    static let otherAuthority = """
        -----BEGIN CERTIFICATE-----
        MIIBjTCCATOgAwIBAgIUXRJEgZ5RcVu5oJsEirp7DkgsWpYwCgYIKoZIzj0EAwIw
        EzERMA8GA1UEAwwIb3RoZXIgQ0EwIBcNMjYxMTIzMDY1OTI5WhgPMjEyNjEwMzAw
        NjU5MjlaMBMxETAPBgNVBAMMCG90aGVyIENBMFkwEwYHKoZIzj0CAQYIKoZIzj0D
        AQcDQgAEDoyj4On2Momyp6MjqBdPUZdR4mzQVFyikUfp0eSW1FVAxzton0iLYRlW
        a/Q11iLOak1VzPOHjqaej91+lsPZVqNjMGEwHQYDVR0OBBYEFDPgPnxUSCYF1tJr
        oqfLEhPYik9sMB8GA1UdIwQYMBaAFDPgPnxUSCYF1tJroqfLEhPYik9sMA8GA1Ud
        EwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM49BAMCA0gAMEUCICr+
        O0Ow1e7Jr3dR6ujpQCXdOc6K0duxXgOTSvPXTqQzAiEA1F+WXYl9BAh7VSrNZImy
        JP/VEjxv7w3Jy21/SuRHWtQ=
        -----END CERTIFICATE-----
        """
    static let localhost = """
        -----BEGIN CERTIFICATE-----
        MIIBnjCCAUOgAwIBAgIUeC91Q5kvFUue0gyrYrD9FlMD4i8wCgYIKoZIzj0EAwIw
        EjEQMA4GA1UEAwwHdGVzdCBDQTAgFw0yNjExMjMwNjU5MjlaGA8yMTI2MTAzMDA2
        NTkyOVowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
        AQcDQgAEGEC0+1PNoxAkcvonSdfQwjtOEsaAEpTRBxQuDEk0Wg/i/lWzRDQpvmPb
        Lx8WHWCRDaDH0R0xIqDTU3+6FXeec6NzMHEwGgYDVR0RBBMwEYIJbG9jYWxob3N0
        hwR/AAABMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBQrSi5Rl9Byi7aA
        37A7N2TcvxXoIDAfBgNVHSMEGDAWgBTB6vycoBujooZu9WvKLA5ZHdfx/TAKBggq
        hkjOPQQDAgNJADBGAiEAjk/5Yhw99kQB1WXdrzNOWycOfhY9YkXNdJhwrK6uPPcC
        IQCyip8l9dZwWb3sEYl8B3VkHSKQO1uN4j5GmxSYvhKKlg==
        -----END CERTIFICATE-----
        """
    static let localhostKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgy3FcuuxxaJPtVT1I
        1b2bnCQc/XuJy7cPW6balMPQvwKhRANCAAQYQLT7U82jECRy+idJ19DCO04SxoAS
        lNEHFC4MSTRaD+L+VbNENCm+Y9svHxYdYJENoMfRHTEioNNTf7oVd55z
        -----END PRIVATE KEY-----
        """
    static let elsewhere = """
        -----BEGIN CERTIFICATE-----
        MIIBnzCCAUWgAwIBAgIUeC91Q5kvFUue0gyrYrD9FlMD4jAwCgYIKoZIzj0EAwIw
        EjEQMA4GA1UEAwwHdGVzdCBDQTAgFw0yNjExMjMwNjU5MzBaGA8yMTI2MTAzMDA2
        NTkzMFowFDESMBAGA1UEAwwJZWxzZXdoZXJlMFkwEwYHKoZIzj0CAQYIKoZIzj0D
        AQcDQgAEMe8W23u1zB58oaVNeWvNNgWHg9MBwlnkRgTA34oRYMEfShQctSQdopFs
        LND4/jAYwMt4mMierPTENSqHRNVy6qN1MHMwHAYDVR0RBBUwE4IRZWxzZXdoZXJl
        LmV4YW1wbGUwEwYDVR0lBAwwCgYIKwYBBQUHAwEwHQYDVR0OBBYEFCmJ8aT0Dn/J
        D2Gid47qNK/VBnrJMB8GA1UdIwQYMBaAFMHq/JygG6Oihm71a8osDlkd1/H9MAoG
        CCqGSM49BAMCA0gAMEUCIEK5ts+IVpyM/iedlhUwpFw72LXnTrIDc7+ifAM3KLW+
        AiEA2XhupGdMzgT7QMQa48V57w3T6e+OVCxl8Ts9hgksuPE=
        -----END CERTIFICATE-----
        """
    static let elsewhereKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9PoIW+7QhLlW5G3J
        mtznh4UjJAZ7B182xt5/96EhJ++hRANCAAQx7xbbe7XMHnyhpU15a802BYeD0wHC
        WeRGBMDfihFgwR9KFBy1JB2ikWws0Pj+MBjAy3iYyJ6s9MQ1KodE1XLq
        -----END PRIVATE KEY-----
        """
}
