extension Money {
    /// Whether ISO 4217 lists the code as a currency in use.
    ///
    /// Funds codes, metals and test codes are left out: nobody is lent `XAU` or `XXX`.
    public static func isActive(currency: String) -> Bool {
        active.contains(currency)
    }

    /// How many decimal digits the minor unit of a currency stands for.
    ///
    /// Two unless ISO 4217 says otherwise; also for a code that is not known here.
    public static func exponent(of currency: String) -> Int {
        exponents[currency] ?? 2
    }

    /// The exceptions to two decimal digits.
    private static let exponents: [String: Int] = {
        var exponents: [String: Int] = [:]
        for code in codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF") { exponents[code] = 0 }
        for code in codes("BHD IQD JOD KWD LYD OMR TND") { exponents[code] = 3 }
        for code in codes("CLF UYW") { exponents[code] = 4 }
        return exponents
    }()

    private static let active = Set(
        codes(
            """
            AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
            CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD \
            HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD \
            LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK \
            PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS \
            TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
            """))

    private static func codes(_ list: String) -> [String] {
        list.split(separator: " ").map(String.init)
    }
}
